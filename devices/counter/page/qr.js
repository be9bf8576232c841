// QR codes (ISO/IEC 18004): capitals or bytes, error correction M, versions 1 to 23, the mask with the least penalty.

/** By version: error bytes in a block, blocks of the shorter kind, their data bytes, blocks of the longer kind. */
const VERSIONS = [
  [10, 1, 16, 0], [16, 1, 28, 0], [26, 1, 44, 0], [18, 2, 32, 0], [24, 2, 43, 0],
  [16, 4, 27, 0], [18, 4, 31, 0], [22, 2, 38, 2], [22, 3, 36, 2], [26, 4, 43, 1],
  [30, 1, 50, 4], [22, 6, 36, 2], [22, 8, 37, 1], [24, 4, 40, 5], [24, 5, 41, 5],
  [28, 7, 45, 3], [28, 10, 46, 1], [26, 9, 43, 4], [26, 3, 44, 11], [26, 3, 41, 13],
  [26, 17, 42, 0], [28, 17, 46, 0], [28, 4, 47, 14],
];
const ALIGNMENT = [
  [], [6, 18], [6, 22], [6, 26], [6, 30], [6, 34], [6, 22, 38], [6, 24, 42], [6, 26, 46], [6, 28, 50],
  [6, 30, 54], [6, 32, 58], [6, 34, 62], [6, 26, 46, 66], [6, 26, 48, 70],
  [6, 26, 50, 74], [6, 30, 54, 78], [6, 30, 56, 82], [6, 30, 58, 86], [6, 34, 62, 90],
  [6, 28, 50, 72, 94], [6, 26, 50, 74, 98], [6, 30, 54, 78, 102],
];
/** What the alphanumeric mode has: two of them are 11 bits. */
const SIGNS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
/** @type {ReadonlyArray<(x: number, y: number) => boolean>} */
const MASKS = [
  (x, y) => (x + y) % 2 === 0,
  (_x, y) => y % 2 === 0,
  (x) => x % 3 === 0,
  (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0,
  (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
];
const FINDER_LIKE = [[1, 0, 1, 1, 1, 0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 1, 0, 1, 1, 1, 0, 1]];

const EXP = new Uint8Array(512);
const LOG = new Uint8Array(256);
for (let power = 0, value = 1; power < 255; power += 1) {
  EXP[power] = EXP[power + 255] = value;
  LOG[value] = power;
  value = value & 0x80 ? (value << 1) ^ 0x11d : value << 1;
}
/** @param {ArrayLike<number>} list @param {number} index */
const at = (list, index) => /** @type {number} */ (list[index]);
/** @param {number} a @param {number} b */
const times = (a, b) => (a && b ? at(EXP, at(LOG, a) + at(LOG, b)) : 0);

/** The modules of a QR code, row by row, true is dark; null when the text is too long. @param {string} text */
export function qrModules(text) {
  const data = new TextEncoder().encode(text);
  const capitals = [...text].every((sign) => SIGNS.includes(sign));
  /** @param {number} version */
  const written = (version) => (capitals ? signBits(text, version) : byteBits(data, version));
  const version = VERSIONS.findIndex((kind, index) => written(index + 1).length <= capacity(kind) * 8) + 1;
  if (version === 0) return null;
  const kind = /** @type {number[]} */ (VERSIONS[version - 1]);
  const words = interleaved(inWords(written(version), capacity(kind)), kind);
  let best = null;
  let least = Infinity;
  for (let mask = 0; mask < MASKS.length; mask += 1) {
    const grid = drawn(version, words, mask);
    const cost = penalty(grid);
    if (cost < least) [best, least] = [grid, cost];
  }
  return best;
}

/** @param {number[]} kind */
const capacity = ([, shorter, size, longer]) =>
  /** @type {number} */ (shorter) * /** @type {number} */ (size) + /** @type {number} */ (longer) * (/** @type {number} */ (size) + 1);

/** A list of bits to which numbers are added. */
function bitList() {
  /** @type {number[]} */
  const bits = [];
  /** @param {number} value @param {number} count */
  const put = (value, count) => {
    for (let bit = count - 1; bit >= 0; bit -= 1) bits.push((value >> bit) & 1);
  };
  return { bits, put };
}

/** @param {Uint8Array} data @param {number} version */
function byteBits(data, version) {
  const { bits, put } = bitList();
  put(4, 4);
  put(data.length, version < 10 ? 8 : 16);
  for (const byte of data) put(byte, 8);
  return bits;
}

/** @param {string} text @param {number} version */
function signBits(text, version) {
  const { bits, put } = bitList();
  put(2, 4);
  put(text.length, version < 10 ? 9 : 11);
  for (let from = 0; from < text.length; from += 2) {
    const [first, second] = [...text.slice(from, from + 2)].map((sign) => SIGNS.indexOf(sign));
    if (second === undefined) put(first ?? 0, 6);
    else put((first ?? 0) * SIGNS.length + second, 11);
  }
  return bits;
}

/** @param {number[]} bits @param {number} room */
function inWords(bits, room) {
  bits.push(...new Array(Math.min(4, room * 8 - bits.length)).fill(0));
  while (bits.length % 8) bits.push(0);
  const words = [];
  for (let from = 0; from < bits.length; from += 8) words.push(bits.slice(from, from + 8).reduce((all, bit) => all * 2 + bit, 0));
  for (let pad = 0xec; words.length < room; pad ^= 0xec ^ 0x11) words.push(pad);
  return words;
}

/** @param {number[]} words @param {number[]} kind */
function interleaved(words, kind) {
  const [errors, shorter, size, longer] = /** @type {[number, number, number, number]} */ (kind);
  /** @type {number[][]} */
  const blocks = [];
  for (let from = 0, index = 0; index < shorter + longer; index += 1) {
    const length = size + (index < shorter ? 0 : 1);
    blocks.push(words.slice(from, from + length));
    from += length;
  }
  const checks = blocks.map((block) => remainder(block, generator(errors)));
  const out = [];
  for (let column = 0; column <= size; column += 1) for (const block of blocks) if (column < block.length) out.push(at(block, column));
  for (let column = 0; column < errors; column += 1) for (const check of checks) out.push(at(check, column));
  return out;
}

/** @param {number} degree */
function generator(degree) {
  let poly = [1];
  for (let root = 0; root < degree; root += 1) {
    const next = new Array(poly.length + 1).fill(0);
    poly.forEach((factor, index) => {
      next[index] ^= factor;
      next[index + 1] ^= times(factor, at(EXP, root));
    });
    poly = next;
  }
  return poly;
}

/** @param {number[]} block @param {number[]} poly */
function remainder(block, poly) {
  const rest = [...block, ...new Array(poly.length - 1).fill(0)];
  for (let index = 0; index < block.length; index += 1) {
    const factor = at(rest, index);
    poly.forEach((value, step) => {
      rest[index + step] ^= times(value, factor);
    });
  }
  return rest.slice(block.length);
}

/** @param {number} version @param {number[]} words @param {number} mask */
function drawn(version, words, mask) {
  const side = version * 4 + 17;
  /** @type {(boolean | null)[][]} */
  const grid = Array.from({ length: side }, () => new Array(side).fill(null));
  /** @param {number} x @param {number} y @param {boolean} dark */
  const set = (x, y, dark) => {
    const row = grid[y];
    if (row && x >= 0 && x < side) row[x] = dark;
  };
  const free = (/** @type {number} */ x, /** @type {number} */ y) => grid[y]?.[x] === null;
  const rings = (/** @type {number} */ cx, /** @type {number} */ cy, /** @type {number} */ reach, /** @type {number[]} */ dark) => {
    for (let dy = -reach; dy <= reach; dy += 1)
      for (let dx = -reach; dx <= reach; dx += 1) set(cx + dx, cy + dy, dark.includes(Math.max(Math.abs(dx), Math.abs(dy))));
  };
  for (const [x, y] of /** @type {[number, number][]} */ ([[3, 3], [side - 4, 3], [3, side - 4]])) rings(x, y, 4, [0, 1, 3]);
  const centres = ALIGNMENT[version - 1] ?? [];
  for (const y of centres) for (const x of centres) if (free(x, y)) rings(x, y, 2, [0, 2]);
  for (let step = 8; step < side - 8; step += 1) {
    set(step, 6, step % 2 === 0);
    set(6, step, step % 2 === 0);
  }
  facts(set, side, version, mask);
  let index = 0;
  for (let right = side - 1; right > 0; right -= 2) {
    if (right === 6) right = 5;
    for (let step = 0; step < side; step += 1) {
      const y = ((right + 1) & 2) === 0 ? side - 1 - step : step;
      for (const x of [right, right - 1]) {
        if (!free(x, y)) continue;
        const bit = index < words.length * 8 && ((at(words, index >> 3) >> (7 - (index & 7))) & 1) === 1;
        index += 1;
        set(x, y, bit !== /** @type {(x: number, y: number) => boolean} */ (MASKS[mask])(x, y));
      }
    }
  }
  return /** @type {boolean[][]} */ (grid);
}

/** Format and version, each with its own check bits. @param {(x: number, y: number, dark: boolean) => void} set @param {number} side @param {number} version @param {number} mask */
function facts(set, side, version, mask) {
  let rest = mask; // error correction M is 00
  for (let step = 0; step < 10; step += 1) rest = (rest << 1) ^ ((rest >> 9) * 0x537);
  const format = ((mask << 10) | rest) ^ 0x5412;
  for (let bit = 0; bit < 15; bit += 1) {
    const dark = ((format >> bit) & 1) === 1;
    if (bit < 6) set(8, bit, dark);
    else if (bit < 8) set(8, bit + 1, dark);
    else if (bit === 8) set(7, 8, dark);
    else set(14 - bit, 8, dark);
    if (bit < 8) set(side - 1 - bit, 8, dark);
    else set(8, side - 15 + bit, dark);
  }
  set(8, side - 8, true);
  if (version < 7) return;
  let check = version;
  for (let step = 0; step < 12; step += 1) check = (check << 1) ^ ((check >> 11) * 0x1f25);
  const all = (version << 12) | check;
  for (let bit = 0; bit < 18; bit += 1) {
    const dark = ((all >> bit) & 1) === 1;
    const [far, near] = [side - 11 + (bit % 3), Math.floor(bit / 3)];
    set(far, near, dark);
    set(near, far, dark);
  }
}

/** @param {boolean[][]} grid */
function penalty(grid) {
  const side = grid.length;
  const turned = grid.map((_, x) => grid.map((row) => /** @type {boolean} */ (row[x])));
  let cost = 0;
  for (const row of [...grid, ...turned]) {
    for (let from = 0; from < side; ) {
      let to = from;
      while (to < side && row[to] === row[from]) to += 1;
      if (to - from >= 5) cost += to - from - 2;
      from = to;
    }
    for (let from = 0; from + 11 <= side; from += 1)
      for (const like of FINDER_LIKE) if (like.every((dark, step) => row[from + step] === (dark === 1))) cost += 40;
  }
  for (let y = 0; y + 1 < side; y += 1)
    for (let x = 0; x + 1 < side; x += 1) {
      const dark = grid[y]?.[x];
      if (grid[y]?.[x + 1] === dark && grid[y + 1]?.[x] === dark && grid[y + 1]?.[x + 1] === dark) cost += 3;
    }
  const dark = grid.flat().filter(Boolean).length;
  return cost + Math.floor(Math.abs((dark * 20) / (side * side) - 10)) * 10;
}

/** The modules as an SVG path of unit squares. @param {boolean[][]} grid */
export const qrPath = (grid) => grid.map((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : "")).join("")).join("");
