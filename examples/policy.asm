# A policy for `cbpf seccomp`: nothing may be written but to the files 0 to 2.
A = arch
A == ARCH_X86_64 ? next : dead
A = sys_number
if (A >= 0x40000000) goto dead  # x32
if (A != write) goto ok
A = args[0] >> 32
if (A != 0) goto deny
A = args[0]
if (A <= 2) goto ok
deny: return ERRNO(1)
ok: return ALLOW
dead: return KILL_PROCESS
