// Draws the extension's icon, a fire on the hob, as a PNG. Called by build.mjs.
//
// Must need nothing but Node, and give the same bytes each time.

import { deflateSync } from "node:zlib";

const SIZE = 128;
const SAMPLES = 4; // a side, for smooth edges
const GROUND = [43, 33, 24];
const FIRE = [240, 140, 52];
const HEART = [255, 220, 140];

export function icon() {
  const rows = [];
  for (let y = 0; y < SIZE; y += 1) {
    const row = [0]; // no filter
    for (let x = 0; x < SIZE; x += 1) row.push(...pixel(x, y));
    rows.push(Buffer.from(row));
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(SIZE, 0);
  header.writeUInt32BE(SIZE, 4);
  header.set([8, 6, 0, 0, 0], 8); // eight bits of red, green, blue, alpha
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", deflateSync(Buffer.concat(rows), { level: 9 })), chunk("IEND", Buffer.alloc(0))]);
}

function pixel(x, y) {
  const sum = [0, 0, 0, 0];
  for (let i = 0; i < SAMPLES * SAMPLES; i += 1) {
    const u = (x + (i % SAMPLES) / SAMPLES) / SIZE;
    const v = (y + Math.floor(i / SAMPLES) / SAMPLES) / SIZE;
    const colour = colourAt(u, v);
    if (colour) colour.concat(255).forEach((value, at) => (sum[at] += value));
  }
  const covered = sum[3] / 255 || 1;
  return [...sum.slice(0, 3).map((value) => Math.round(value / covered)), Math.round(sum[3] / SAMPLES ** 2)];
}

/** Undefined outside the rounded square. */
function colourAt(u, v) {
  const [dx, dy] = [Math.max(0, Math.abs(u - 0.5) - 0.3), Math.max(0, Math.abs(v - 0.5) - 0.3)];
  if (Math.hypot(dx, dy) > 0.2) return undefined;
  if (isFlame(u, v, 0.58, 0.2, 0.14)) return isFlame(u, v, 0.63, 0.1, 0.42) ? HEART : FIRE;
  return v > 0.82 && v < 0.88 && Math.abs(u - 0.5) < 0.34 ? FIRE : GROUND;
}

/** A drop around (0.5, `y`) of radius `r`, drawn out to a point at the height `top`. */
function isFlame(u, v, y, r, top) {
  if (v >= y) return Math.hypot(u - 0.5, v - y) < r;
  const up = (y - v) / (y - top);
  const sway = 0.06 * Math.sin(up * Math.PI);
  return up < 1 && Math.abs(u - 0.5 - sway) < r * (1 - up) ** 0.72;
}

function chunk(name, data) {
  const body = Buffer.concat([Buffer.from(name), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc(body));
  return Buffer.concat([length, body, sum]);
}

function crc(bytes) {
  let value = ~0;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit += 1) value = (value >>> 1) ^ (value & 1 ? 0xedb88320 : 0);
  }
  return ~value >>> 0;
}
