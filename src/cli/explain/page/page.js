// The script of the page: marks parts of the expression, follows packets, and opens folded chains of tests.
// The state is in the address: #packet=7&step=3.
"use strict";
(() => {
  const all = JSON.parse(document.getElementById("data").textContent);
  const make = (name, className, text) => {
    const element = document.createElement(name);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const hex = (number) => (number ? "0x" + number.toString(16) : "0");
  const counted = (number) => number.toLocaleString("en-US");

  // Pointing at a part of the tree marks its text.
  for (const part of document.querySelectorAll("[data-part]")) {
    const text = document.getElementById("e" + part.dataset.part);
    if (!text) continue;
    const mark = (is) => () => text.classList.toggle("marked", is);
    part.addEventListener("mouseenter", mark(true));
    part.addEventListener("mouseleave", mark(false));
    part.addEventListener("focus", mark(true));
    part.addEventListener("blur", mark(false));
  }

  class Program {
    constructor(section) {
      this.number = Number(section.dataset.program);
      this.data = all[this.number];
      this.section = section;
      this.packet = null;
      this.step = 0;
      this.find = (selector) => section.querySelector(selector);
      this.picture = this.find(".picture");
      this.svg = this.find(".picture svg");
      this.menu = this.find("select.packet");
      const by = (name) => {
        const map = new Map();
        for (const element of section.querySelectorAll(`[data-${name}]`)) {
          const key = element.dataset[name];
          map.set(key, [...(map.get(key) || []), element]);
        }
        return map;
      };
      this.boxes = by("box");
      this.lines = by("from");
      this.heads = by("head");
      this.rows = by("pc");
      this.folds();
      this.zoom();
      this.links();
      if (!this.menu) return;
      this.menu.addEventListener("change", () => this.choose(this.menu.value === "" ? null : Number(this.menu.value)));
      for (const button of section.querySelectorAll("[data-do]")) {
        button.addEventListener("click", () => this.act(button.dataset.do));
      }
      section.addEventListener("pointerdown", () => (active = this));
      section.addEventListener("focusin", () => (active = this));
      this.show(false);
    }

    get steps() {
      return this.packet === null ? [] : this.data.packets[this.packet].steps;
    }

    choose(packet, step = 0) {
      active = this;
      this.packet = packet;
      this.step = Math.max(0, Math.min(step, this.steps.length - 1));
      this.show(true);
    }

    act(what) {
      const last = this.data.packets.length - 1;
      const at = this.packet;
      if (what === "next") return this.choose(at === null ? 0 : Math.min(at + 1, last));
      if (what === "previous") return this.choose(at === null || at === 0 ? null : at - 1);
      if (at === null) return what === "on" || what === "first" ? this.choose(0) : undefined;
      const steps = { first: 0, back: this.step - 1, on: this.step + 1, last: this.steps.length - 1 };
      this.choose(at, steps[what]);
    }

    // The box that holds an instruction.
    box(pc) {
      let [low, high] = [0, this.data.starts.length];
      while (high - low > 1) {
        const middle = (low + high) >> 1;
        if (this.data.starts[middle] <= pc) low = middle;
        else high = middle;
      }
      return low;
    }

    show(isChosen) {
      const packet = this.packet === null ? null : this.data.packets[this.packet];
      this.menu.value = packet ? String(this.packet) : "";
      const last = this.steps.length - 1;
      const off = {
        first: packet && this.step === 0, back: !packet || this.step === 0, on: packet && this.step === last,
        last: !packet || this.step === last, previous: !packet, next: this.packet === this.data.packets.length - 1,
      };
      for (const button of this.section.querySelectorAll("[data-do]")) button.disabled = Boolean(off[button.dataset.do]);
      this.find(".place").textContent = packet ? `${counted(this.step + 1)} of ${counted(packet.executed)}` : "";
      this.showStep(packet);
      this.showBytes(packet);
      this.showListings(packet, isChosen);
      this.showWay(packet, isChosen);
      if (isChosen) this.remember(packet);
    }

    showStep(packet) {
      const place = this.find(".step");
      place.replaceChildren();
      if (!packet) {
        const hint = make("p", "hint");
        hint.append("Choose a packet, then step with ", make("kbd", "", "\u2190"), " and ", make("kbd", "", "\u2192"),
          "; ", make("kbd", "", "n"), " and ", make("kbd", "", "p"), " change the packet.");
        place.append(hint);
        return;
      }
      place.append(make("p", "packet", packet.line), make("p", "time", `${packet.time} UTC`));
      const [pc, a, x, kind, one, two] = this.state(this.step);
      const row = document.getElementById(`g${this.number}${this.data.shown}${pc}`);
      const cells = row ? row.children : [];
      const [line, meaning] = this.data.lines[pc] || ["(not in the listing)", ""];
      const instruction = row ? cells[1].textContent : line;
      place.append(make("p", "", `(${String(pc).padStart(3, "0")}) ${instruction}`));
      place.append(make("p", "what", row ? cells[3].textContent : meaning));
      const list = make("dl");
      const entry = (name, value) => list.append(make("dt", "", name), make("dd", "", value));
      const both = (value) => (value > 9 ? `${hex(value)} = ${value}` : String(value));
      entry("A", both(a));
      entry("X", both(x));
      if (kind === 0) entry("read", two === 1 ? `byte ${one}` : `bytes ${one} to ${one + two - 1}`);
      if (kind === 1) entry(`M[${one}]`, both(two));
      const isLast = this.step === this.steps.length - 1;
      if (!isLast && row && cells[2].textContent.trim()) {
        const next = this.steps[this.step + 1][0];
        const link = [...cells[2].children].find((link) => link.textContent === String(next));
        entry("goes to", `${next}${link && link.title !== "always" ? ` (${link.title})` : ""}`);
      }
      place.append(list);
      const more = packet.executed - this.steps.length;
      if (isLast && more > 0) {
        const cut = `${counted(more)} more steps are not on this page; \u201ccbpf trace --packet ${packet.number}\u201d prints all.`;
        place.append(make("p", "hint", cut), make("p", "end", `In the end: ${packet.end}`));
      } else if (isLast) place.append(make("p", "end", packet.end));
    }

    // A step with the registers after it, which steps that change none do not have.
    state(step) {
      let at = step;
      while (at > 0 && this.steps[at].length < 3) at -= 1;
      const [, a = 0, x = 0] = this.steps[at];
      const [pc, , , ...effect] = this.steps[step];
      return [pc, a, x, ...effect];
    }

    showBytes(packet) {
      const place = this.find(".bytes");
      place.replaceChildren();
      if (!packet) return;
      const marks = new Map();
      this.steps.slice(0, this.step + 1).forEach((step, number) => {
        if (step[3] !== 0) return;
        for (let byte = step[4]; byte < step[4] + step[5]; byte += 1) {
          marks.set(byte, number === this.step ? "read" : "was");
        }
      });
      const count = packet.hex.length / 2;
      let first = null;
      for (let start = 0; start < count; start += 16) {
        const line = make("div");
        line.append(make("i", "", start.toString(16).padStart(4, "0")), "  ");
        const letters = [];
        for (let byte = start; byte < start + 16; byte += 1) {
          if (byte >= count) {
            line.append("   ");
            continue;
          }
          const digits = packet.hex.slice(2 * byte, 2 * byte + 2);
          const code = parseInt(digits, 16);
          const letter = code > 32 && code < 127 ? String.fromCharCode(code) : ".";
          const className = marks.get(byte) || "";
          const [number, text] = [make("b", className, digits), make("b", className, letter)];
          number.dataset.byte = byte;
          if (className === "read" && !first) first = line;
          // The blank between two marked bytes is marked, too.
          const isJoined = className && byte % 16 < 15 && marks.get(byte + 1) === className;
          line.append(number, isJoined ? make("b", className, " ") : " ");
          if (byte % 8 === 7 && byte % 16 < 15) line.append(" ");
          letters.push(text);
        }
        line.append(" ", ...letters);
        place.append(line);
      }
      if (packet.captured > count) {
        place.append(make("div", "", `${counted(packet.captured - count)} more bytes`));
      }
      if (first) place.scrollTop += first.offsetTop - place.offsetTop - place.clientHeight / 2 - place.scrollTop;
    }

    showListings(packet, isChosen) {
      for (const row of this.section.querySelectorAll("tr.lit, tr.now")) row.classList.remove("lit", "now");
      this.unmark();
      if (!packet) return;
      const { shown, same } = this.data;
      const light = (letter, pcs) => {
        for (const pc of pcs) document.getElementById(`g${this.number}${letter}${pc}`)?.classList.add("lit");
      };
      light(shown, this.steps.map((step) => step[0]));
      if (!same) light(shown === "a" ? "b" : "a", packet.other);
      const now = document.getElementById(`g${this.number}${shown}${this.steps[this.step][0]}`);
      if (!now) return;
      now.classList.add("now");
      const scroll = now.closest(".scroll");
      if (isChosen && scroll) scroll.scrollTop = now.offsetTop - scroll.clientHeight / 2;
    }

    // Links lead to their targets without taking the place of the packet in the address.
    links() {
      for (const listing of this.section.querySelectorAll(".listing")) {
        listing.addEventListener("click", (event) => {
          const link = event.target.closest?.("a[href^='#']");
          if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
          const row = document.getElementById(link.hash.slice(1));
          const scroll = row?.closest(".scroll");
          if (!scroll) return;
          event.preventDefault();
          this.unmark();
          row.classList.add("target");
          const [place, frame] = [row.getBoundingClientRect(), scroll.getBoundingClientRect()];
          if (place.top < frame.top + 30 || place.bottom > frame.bottom) scroll.scrollTop = row.offsetTop - scroll.clientHeight / 2;
        });
      }
    }

    unmark() {
      for (const row of this.section.querySelectorAll("tr.target")) row.classList.remove("target");
    }

    showWay(packet, isChosen) {
      if (!this.svg) return;
      for (const element of this.svg.querySelectorAll(".lit, .now, .past, .here")) {
        element.classList.remove("lit", "now", "past", "here");
      }
      this.svg.classList.toggle("walk", Boolean(packet));
      if (!packet) return;
      const light = (map, key) => (map.get(String(key)) || []).forEach((element) => element.classList.add("lit"));
      const pcs = this.steps.map((step) => step[0]);
      const way = pcs.map((pc) => this.box(pc));
      way.forEach((box, index) => {
        light(this.boxes, box);
        const next = way[index + 1];
        if (next !== undefined && next !== box) this.lightEdge(box, next, light);
      });
      const isPast = new Set(pcs);
      const pc = pcs[this.step];
      for (const [range, rows] of this.rows) {
        const [start, end] = range.split("-").map(Number);
        if (isPast.has(start) || isPast.has(end)) rows.forEach((row) => row.classList.add("past"));
        if (start <= pc && pc <= end) {
          const name = `(${String(pc).padStart(3, "0")}) `;
          for (const row of rows) {
            for (const text of row.querySelectorAll("text")) {
              if (text.textContent.trim().startsWith(name)) text.classList.add("here");
            }
          }
        }
      }
      const now = (this.boxes.get(String(way[this.step])) || [])[0];
      if (!now) return;
      now.classList.add("now");
      if (isChosen) this.bringIntoView(now);
    }

    // Lights the pieces of an edge: the one that leaves the box, and the trunk that it joins.
    lightEdge(box, next, light) {
      const isExit = (piece) => piece.dataset.target === String(next);
      let piece = (this.lines.get(String(box)) || []).find(isExit);
      for (let most = 100000; piece && most > 0; most -= 1) {
        piece.classList.add("lit");
        if (piece.dataset.to === String(next)) break;
        piece = (this.lines.get(piece.dataset.to) || [])[0];
      }
      light(this.heads, next);
    }

    // Scrolls the picture, and not the page.
    bringIntoView(element) {
      const [box, frame] = [element.getBoundingClientRect(), this.picture.getBoundingClientRect()];
      if (box.top < frame.top || box.bottom > frame.bottom) {
        this.picture.scrollTop += box.top - frame.top - (frame.height - Math.min(box.height, frame.height)) / 2;
      }
      if (box.left < frame.left || box.right > frame.right) {
        this.picture.scrollLeft += box.left - frame.left - (frame.width - Math.min(box.width, frame.width)) / 2;
      }
    }

    remember(packet) {
      const hash = packet ? `#packet=${packet.number}&step=${this.step + 1}` : "#";
      try {
        history.replaceState(null, "", hash);
      } catch {
        // Some browsers forbid this in files.
      }
    }

    // Shows the first box, and lets a button fit the whole picture into its frame.
    zoom() {
      const first = (this.boxes.get("0") || [])[0];
      if (!first) return;
      const [box, frame] = [first.getBoundingClientRect(), this.picture.getBoundingClientRect()];
      this.picture.scrollLeft += box.left + box.width / 2 - frame.left - frame.width / 2;
      const button = this.find("button.fit");
      button.hidden = this.svg.getBoundingClientRect().width <= frame.width;
      button.addEventListener("click", () => {
        const isFit = this.picture.classList.toggle("fitted");
        button.setAttribute("aria-pressed", isFit);
        if (this.menu) this.show(true);
      });
    }

    // Makes boxes of folded chains open a list of all tests.
    folds() {
      if (!this.svg) return;
      this.svg.setAttribute("role", "group");
      for (const box of this.svg.querySelectorAll("[data-fold]")) {
        const tests = this.data.folds[box.dataset.box];
        if (!tests) continue;
        box.setAttribute("tabindex", "0");
        box.setAttribute("role", "button");
        box.setAttribute("aria-label", `${tests.length} tests; show all`);
        const title = document.createElementNS(this.svg.namespaceURI, "title");
        title.textContent = `${tests.length} tests; click to show all`;
        box.prepend(title);
        box.addEventListener("click", () => this.open(box, tests));
        box.addEventListener("keydown", (event) => {
          if (event.key !== "Enter" && event.key !== " ") return;
          event.preventDefault();
          this.open(box, tests);
        });
      }
    }

    open(box, tests) {
      this.picture.querySelector("dialog")?.remove();
      const dialog = make("dialog", "fold");
      dialog.setAttribute("aria-label", `${tests.length} tests`);
      const head = make("header");
      const close = make("button", "", "Close");
      close.type = "button";
      head.append(make("strong", "", `${tests.length} tests`), close);
      const table = make("table");
      const titles = make("tr");
      const counts = this.data.traffic ? ["packets", "leave here"] : [];
      for (const title of ["#", "test", "meaning", ...counts]) titles.append(make("th", "", title));
      table.createTHead().append(titles);
      const body = table.createTBody();
      const lit = new Set(this.steps.map((step) => step[0]));
      for (const [pc, packets, leaving] of tests) {
        const cells = document.getElementById(`g${this.number}${this.data.shown}${pc}`)?.children;
        const row = make("tr", lit.has(pc) ? "lit" : packets || !this.data.traffic ? "" : "never");
        const [line, meaning] = cells ? [cells[1].textContent, cells[3].textContent] : this.data.lines[pc] || ["", ""];
        row.append(make("th", "", pc), make("td", "", line), make("td", "", meaning));
        if (this.data.traffic) row.append(make("td", "n", counted(packets)), make("td", "n", counted(leaving)));
        body.append(row);
      }
      dialog.append(head, table);
      this.picture.append(dialog);
      // Opening moves the focus, which must not scroll the picture.
      const { scrollTop, scrollLeft } = this.picture;
      dialog.show();
      this.picture.scrollTo(scrollLeft, scrollTop);
      const [frame, place] = [this.picture.getBoundingClientRect(), box.getBoundingClientRect()];
      const left = place.left - frame.left + this.picture.scrollLeft;
      dialog.style.top = `${place.top - frame.top + this.picture.scrollTop}px`;
      dialog.style.left = `${Math.max(8, Math.min(left, this.picture.scrollWidth - dialog.offsetWidth - 8))}px`;
      const end = () => {
        dialog.remove();
        box.focus({ preventScroll: true });
      };
      close.addEventListener("click", end);
      dialog.addEventListener("keydown", (event) => {
        if (event.key === "Escape") end();
      });
      close.focus({ preventScroll: true });
    }
  }

  let active = null;
  const programs = [...document.querySelectorAll("section.program")].map((section) => new Program(section));
  active = programs.find((program) => program.menu) || null;

  const fromAddress = () => {
    const wanted = new URLSearchParams(location.hash.slice(1));
    if (!wanted.has("packet")) return;
    const number = Number(wanted.get("packet"));
    for (const program of programs) {
      const packet = program.data.packets.findIndex((packet) => packet.number === number);
      if (packet >= 0 && program.menu) return program.choose(packet, Number(wanted.get("step") || 1) - 1);
    }
    const absent = `Packet ${number} is not one of those on this page; \u201ccbpf trace --packet\u201d follows any.`;
    active?.find(".step").append(make("p", "hint", absent));
  };
  addEventListener("hashchange", fromAddress);
  fromAddress();

  const keys = { ArrowLeft: "back", ArrowRight: "on", Home: "first", End: "last", n: "next", p: "previous" };
  addEventListener("keydown", (event) => {
    const what = keys[event.key];
    const isTaken = event.ctrlKey || event.altKey || event.metaKey || event.shiftKey || event.target.closest?.("select, dialog");
    if (!what || isTaken || !active) return;
    if (active.packet === null && (what === "first" || what === "last")) return;
    event.preventDefault();
    active.act(what);
  });
})();
