/* The classifiers of DPDK behind functions of one form, which the bench `classifiers` calls: they take Ethernet frames,
 * extract the fields as cheaply as DPDK's own examples do, and write the number of the first matching rule of each, or
 * NONE. */

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

#include <rte_acl.h>
#include <rte_byteorder.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_fib.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_lpm.h>
#include <rte_malloc.h>

#define NONE UINT32_MAX
/* The most packets of a call. */
#define BATCH 256
/* What rte_fib returns if there is no route. */
#define NO_ROUTE INT32_MAX

/* `Area` of `benches/areas.rs`. */
struct area {
    uint32_t source[2], destination[2];
    uint16_t source_port[2], destination_port[2];
    uint8_t protocol;
};

/* The fields of a packet, in network byte order, at the distances that they have in an IPv4 packet without options. */
enum { PROTOCOL = 0, SOURCE = 3, DESTINATION = 7, SOURCE_PORT = 11, DESTINATION_PORT = 13, KEY = 16 };
/* The place of the protocol in the frame. */
enum { FRAME_PROTOCOL = 23 };

static uint16_t load16(const uint8_t *place) {
    uint16_t value;
    memcpy(&value, place, sizeof value);
    return value;
}

static uint32_t load32(const uint8_t *place) {
    uint32_t value;
    memcpy(&value, place, sizeof value);
    return value;
}

static inline int has_ports(uint8_t protocol) { return protocol == 6 || protocol == 17 || protocol == 132; }

static inline int is_ipv4(const struct iovec *packet) {
    const uint8_t *frame = packet->iov_base;
    return packet->iov_len >= 34 && load16(frame + 12) == rte_cpu_to_be_16(0x0800);
}

static const uint8_t *copy_fields(const uint8_t *frame, size_t len, uint8_t *key) {
    size_t ports = 14 + 4 * (size_t)(frame[14] & 0xf);
    memset(key, 0, KEY);
    key[PROTOCOL] = frame[FRAME_PROTOCOL];
    memcpy(key + SOURCE, frame + 26, 8);
    if (has_ports(key[PROTOCOL]) && !(load16(frame + 20) & rte_cpu_to_be_16(0x1fff)) && ports + 4 <= len)
        memcpy(key + SOURCE_PORT, frame + ports, 4);
    return key;
}

/* Returns the fields of an IPv4 packet: most packets have them in place, as in DPDK's example l3fwd-acl. */
static inline const uint8_t *fields(const struct iovec *packet, uint8_t *key) {
    const uint8_t *frame = packet->iov_base;
    int in_place = frame[14] == 0x45 && !(load16(frame + 20) & rte_cpu_to_be_16(0x1fff)) &&
                   has_ports(frame[FRAME_PROTOCOL]) && packet->iov_len >= FRAME_PROTOCOL + KEY;
    return in_place ? frame + FRAME_PROTOCOL : copy_fields(frame, packet->iov_len, key);
}

static uint32_t prefix_length(const uint32_t range[2]) { return 32 - __builtin_popcount(range[0] ^ range[1]); }

/* Names of objects have to be different. */
static const char *name(void) {
    static char text[32];
    static unsigned count;
    snprintf(text, sizeof text, "cbpf%u", count++);
    return text;
}

/* Starts DPDK with this much memory, in mebibytes, and one thread on some processors. */
int start(const char *memory, const char *processors) {
    char *arguments[] = {"cbpf", "--no-huge", "--no-pci", "--no-shconf", "--no-telemetry", "--log-level=*:error",
                         "--force-max-simd-bitwidth=512", "-m", (char *)memory, "--lcores", (char *)processors};
    return rte_eal_init(sizeof arguments / sizeof *arguments, arguments);
}

/* Returns the bytes that DPDK's objects take. */
uint64_t allocated(void) {
    struct rte_malloc_socket_stats stats;
    return rte_malloc_get_socket_stats(0, &stats) == 0 ? stats.heap_allocsz_bytes : 0;
}

/* librte_acl */

enum { ACL_FIELDS = 5 };
RTE_ACL_RULE_DEF(acl_rule, ACL_FIELDS);

void *acl_new(const struct area *areas, const uint32_t *ids, uint32_t count, int has_address_ranges) {
    uint8_t address = has_address_ranges ? RTE_ACL_FIELD_TYPE_RANGE : RTE_ACL_FIELD_TYPE_MASK;
    struct rte_acl_param param = {
        .name = name(), .socket_id = 0, .rule_size = RTE_ACL_RULE_SZ(ACL_FIELDS), .max_rule_num = count};
    struct rte_acl_config config = {
        .num_categories = 1,
        .num_fields = ACL_FIELDS,
        .defs = {{RTE_ACL_FIELD_TYPE_BITMASK, 1, 0, 0, PROTOCOL},
                 {address, 4, 1, 1, SOURCE},
                 {address, 4, 2, 2, DESTINATION},
                 {RTE_ACL_FIELD_TYPE_RANGE, 2, 3, 3, SOURCE_PORT},
                 {RTE_ACL_FIELD_TYPE_RANGE, 2, 4, 3, DESTINATION_PORT}},
    };
    struct rte_acl_ctx *acl = rte_acl_create(&param);
    if (!acl)
        return NULL;
    for (uint32_t place = 0; place < count; place++) {
        const struct area *area = &areas[place];
        struct acl_rule rule = {
            .data = {.category_mask = 1, .priority = RTE_ACL_MAX_PRIORITY - ids[place], .userdata = ids[place] + 1}};
        rule.field[0].value.u8 = area->protocol;
        rule.field[0].mask_range.u8 = area->protocol ? 0xff : 0;
        rule.field[1].value.u32 = area->source[0];
        rule.field[1].mask_range.u32 = has_address_ranges ? area->source[1] : prefix_length(area->source);
        rule.field[2].value.u32 = area->destination[0];
        rule.field[2].mask_range.u32 = has_address_ranges ? area->destination[1] : prefix_length(area->destination);
        rule.field[3].value.u16 = area->source_port[0];
        rule.field[3].mask_range.u16 = area->source_port[1];
        rule.field[4].value.u16 = area->destination_port[0];
        rule.field[4].mask_range.u16 = area->destination_port[1];
        if (rte_acl_add_rules(acl, (const struct rte_acl_rule *)&rule, 1) != 0)
            goto failed;
    }
    if (rte_acl_build(acl, &config) == 0)
        return acl;
failed:
    rte_acl_free(acl);
    return NULL;
}

void acl_free(void *acl) { rte_acl_free(acl); }

/* Returns 1 if the processor has the instructions of an `enum rte_acl_classify_alg`. */
int acl_has(void *acl, int algorithm) { return rte_acl_set_ctx_classify(acl, algorithm) == 0; }

void acl_batch(void *acl, int algorithm, const struct iovec *packets, uint32_t count, uint32_t *ids) {
    static const uint8_t nothing[KEY];
    uint8_t keys[BATCH][KEY];
    const uint8_t *data[BATCH];
    uint32_t mask[BATCH];
    for (uint32_t place = 0; place < count; place++) {
        int ipv4 = is_ipv4(&packets[place]);
        mask[place] = ipv4 ? UINT32_MAX : 0;
        data[place] = ipv4 ? fields(&packets[place], keys[place]) : nothing;
    }
    rte_acl_classify_alg(acl, data, ids, count, 1, algorithm);
    /* A result is one more than the rule's number, or 0. */
    for (uint32_t place = 0; place < count; place++)
        ids[place] = (ids[place] & mask[place]) - 1;
}

void acl_one_by_one(void *acl, int algorithm, const struct iovec *packets, uint32_t count, uint32_t *ids) {
    for (uint32_t place = 0; place < count; place++)
        acl_batch(acl, algorithm, packets + place, 1, ids + place);
}

/* As acl_batch, with fields in place of packets. */
void acl_given(void *acl, int algorithm, const struct iovec *keys, uint32_t count, uint32_t *ids) {
    const uint8_t *data[BATCH];
    for (uint32_t place = 0; place < count; place++)
        data[place] = keys[place].iov_base;
    rte_acl_classify_alg(acl, data, ids, count, 1, algorithm);
    /* Fields without a protocol are those of no packet. */
    for (uint32_t place = 0; place < count; place++)
        ids[place] = (data[place][PROTOCOL] ? ids[place] : 0) - 1;
}

/* rte_lpm: rules have one address each, `part` is its place in the fields. */

static const uint32_t *address_range(const struct area *area, int part) {
    return part == SOURCE ? area->source : area->destination;
}

/* Returns the number of tables for the last byte that the prefixes can take. */
static uint32_t last_byte_tables(const struct area *areas, uint32_t count, int part) {
    uint32_t tables = 256;
    for (uint32_t place = 0; place < count; place++)
        tables += prefix_length(address_range(&areas[place], part)) > 24;
    return tables;
}

void *lpm_new(const struct area *areas, const uint32_t *ids, uint32_t count, int part) {
    struct rte_lpm_config config = {.max_rules = count, .number_tbl8s = last_byte_tables(areas, count, part)};
    struct rte_lpm *lpm = rte_lpm_create(name(), 0, &config);
    for (uint32_t place = 0; lpm && place < count; place++) {
        const uint32_t *range = address_range(&areas[place], part);
        if (rte_lpm_add(lpm, range[0], prefix_length(range), ids[place]) != 0) {
            rte_lpm_free(lpm);
            return NULL;
        }
    }
    return lpm;
}

void lpm_free(void *lpm) { rte_lpm_free(lpm); }

static inline uint32_t address(const struct iovec *packet, int part) {
    return rte_be_to_cpu_32(load32((const uint8_t *)packet->iov_base + FRAME_PROTOCOL + part));
}

void lpm_one_by_one(void *lpm, int part, const struct iovec *packets, uint32_t count, uint32_t *ids) {
    for (uint32_t place = 0; place < count; place++) {
        uint32_t id;
        int is_found = is_ipv4(&packets[place]) && rte_lpm_lookup(lpm, address(&packets[place], part), &id) == 0;
        ids[place] = is_found ? id : NONE;
    }
}

void lpm_batch(void *lpm, int part, const struct iovec *packets, uint32_t count, uint32_t *ids) {
    uint32_t addresses[BATCH], mask[BATCH], place;
    for (place = 0; place < count; place++) {
        int ipv4 = is_ipv4(&packets[place]);
        mask[place] = ipv4 ? 0 : NONE;
        addresses[place] = ipv4 ? address(&packets[place], part) : 0;
    }
    for (place = 0; place + 4 <= count; place += 4)
        rte_lpm_lookupx4(lpm, _mm_loadu_si128((const __m128i *)(addresses + place)), ids + place, NONE);
    for (; place < count; place++) {
        uint32_t id;
        ids[place] = rte_lpm_lookup(lpm, addresses[place], &id) == 0 ? id : NONE;
    }
    for (place = 0; place < count; place++)
        ids[place] |= mask[place];
}

/* rte_fib, likewise */

void *fib_new(const struct area *areas, const uint32_t *ids, uint32_t count, int part) {
    struct rte_fib_conf config = {
        .type = RTE_FIB_DIR24_8,
        .default_nh = NO_ROUTE,
        .max_routes = count + 1,
        .dir24_8 = {.nh_sz = RTE_FIB_DIR24_8_4B, .num_tbl8 = last_byte_tables(areas, count, part)},
    };
    struct rte_fib *fib = rte_fib_create(name(), 0, &config);
    for (uint32_t place = 0; fib && place < count; place++) {
        const uint32_t *range = address_range(&areas[place], part);
        if (rte_fib_add(fib, range[0], prefix_length(range), ids[place]) != 0) {
            rte_fib_free(fib);
            return NULL;
        }
    }
    if (fib && rte_fib_select_lookup(fib, RTE_FIB_LOOKUP_DIR24_8_VECTOR_AVX512) != 0)
        rte_fib_select_lookup(fib, RTE_FIB_LOOKUP_DEFAULT);
    return fib;
}

void fib_free(void *fib) { rte_fib_free(fib); }

void fib_batch(void *fib, int part, const struct iovec *packets, uint32_t count, uint32_t *ids) {
    uint32_t addresses[BATCH], mask[BATCH], place;
    uint64_t routes[BATCH];
    for (place = 0; place < count; place++) {
        int ipv4 = is_ipv4(&packets[place]);
        mask[place] = ipv4 ? 0 : NONE;
        addresses[place] = ipv4 ? address(&packets[place], part) : 0;
    }
    rte_fib_lookup_bulk(fib, addresses, routes, count);
    for (place = 0; place < count; place++)
        ids[place] = (routes[place] == NO_ROUTE ? NONE : (uint32_t)routes[place]) | mask[place];
}

/* rte_hash: rules are five-tuples, or one address each that may be the source or the destination. */

enum { FIVE_TUPLE, HOST };

static uint32_t key_length(int kind) { return kind == HOST ? 4 : KEY; }

void *hash_new(const struct area *areas, const uint32_t *ids, uint32_t count, int kind) {
    struct rte_hash_parameters parameters = {
        .name = name(),
        .entries = RTE_MAX(count, 8u),
        .key_len = key_length(kind),
        .hash_func = rte_hash_crc,
        .extra_flag = RTE_HASH_EXTRA_FLAGS_EXT_TABLE,
    };
    struct rte_hash *hash = rte_hash_create(&parameters);
    /* The first rule of a key is added last, and replaces the others. */
    for (uint32_t place = count; hash && place-- > 0;) {
        const struct area *area = &areas[place];
        uint32_t addresses[2] = {rte_cpu_to_be_32(area->source[0]), rte_cpu_to_be_32(area->destination[0])};
        uint16_t ports[2] = {rte_cpu_to_be_16(area->source_port[0]), rte_cpu_to_be_16(area->destination_port[0])};
        uint8_t key[KEY] = {area->protocol};
        memcpy(key + SOURCE, addresses, 8);
        memcpy(key + SOURCE_PORT, ports, 4);
        if (rte_hash_add_key_data(hash, kind == HOST ? key + SOURCE : key, (void *)(uintptr_t)ids[place]) != 0) {
            rte_hash_free(hash);
            return NULL;
        }
    }
    return hash;
}

void hash_free(void *hash) { rte_hash_free(hash); }

/* Writes the keys of a packet, and returns their number. */
static inline uint32_t keys_of(const struct iovec *packet, int kind, uint8_t *key, const void **keys) {
    const uint8_t *frame = packet->iov_base;
    if (kind == HOST) {
        keys[0] = is_ipv4(packet) ? frame + 26 : key;
        keys[1] = is_ipv4(packet) ? frame + 30 : key;
        return 2;
    }
    memset(key, 0, KEY);
    if (is_ipv4(packet)) {
        const uint8_t *found = fields(packet, key);
        key[PROTOCOL] = found[PROTOCOL];
        memmove(key + SOURCE, found + SOURCE, KEY - 1 - SOURCE);
        key[1] = key[2] = 0;
    }
    keys[0] = key;
    return 1;
}

void hash_one_by_one(void *hash, int kind, const struct iovec *packets, uint32_t count, uint32_t *ids) {
    for (uint32_t place = 0; place < count; place++) {
        uint8_t key[KEY] = {0};
        const void *keys[2];
        uint32_t number = keys_of(&packets[place], kind, key, keys);
        ids[place] = NONE;
        for (uint32_t which = 0; which < number; which++) {
            void *data;
            if (rte_hash_lookup_data(hash, keys[which], &data) >= 0)
                ids[place] = RTE_MIN(ids[place], (uint32_t)(uintptr_t)data);
        }
    }
}

void hash_batch(void *hash, int kind, const struct iovec *packets, uint32_t count, uint32_t *ids) {
    uint32_t each = kind == HOST ? 2 : 1, step = RTE_HASH_LOOKUP_BULK_MAX / each;
    for (uint32_t start = 0; start < count; start += step) {
        uint32_t number = RTE_MIN(step, count - start);
        uint8_t room[RTE_HASH_LOOKUP_BULK_MAX][KEY] = {0};
        const void *keys[RTE_HASH_LOOKUP_BULK_MAX];
        void *data[RTE_HASH_LOOKUP_BULK_MAX];
        uint64_t found;
        for (uint32_t place = 0; place < number; place++)
            keys_of(&packets[start + place], kind, room[place], keys + place * each);
        rte_hash_lookup_bulk_data(hash, keys, number * each, &found, data);
        for (uint32_t place = 0; place < number; place++) {
            uint32_t id = NONE;
            for (uint32_t which = place * each; which < (place + 1) * each; which++)
                if (found >> which & 1)
                    id = RTE_MIN(id, (uint32_t)(uintptr_t)data[which]);
            ids[start + place] = id;
        }
    }
}
