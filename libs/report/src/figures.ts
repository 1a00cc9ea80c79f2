/** What stands where nothing was measured. */
export const MISSING = '–';

/** Decimal prefixes, largest first. */
const PREFIXES = [
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
] as const;

/** Whether there is a number to show. */
export function isMeasured(value: number | undefined): value is number {
  return value !== undefined && Number.isFinite(value);
}

/** A count: `134.5 M`, `307 k`, `960`; a billion is `1.2 B`, as the field says it. */
export function countFigure(value: number | undefined): string {
  return prefixed(value, '').replace(/G$/, 'B');
}

/** A size on disk or in memory in decimal units: `7.6 MB`. */
export function bytesFigure(value: number | undefined): string {
  return prefixed(value, 'B');
}

/** A measured value to about three digits: `23.4`, `1.07`, `812`, `4,096`, `1.2e-5`. */
export function valueFigure(value: number | undefined): string {
  if (!isMeasured(value)) return MISSING;
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 1e7)) return value.toExponential(1);
  if (size >= 99.95) return grouped(Math.round(value));
  return value.toFixed(size >= 9.995 ? 1 : size >= 0.1 || size === 0 ? 2 : 4);
}

/** How many times `first`: `0.61×`. */
export function ratioFigure(value: number | undefined, first: number | undefined): string {
  if (!isMeasured(value) || !isMeasured(first) || first === 0) return MISSING;
  return `${valueFigure(value / first)}×`;
}

/** A share of one: `92 %`. */
export function shareFigure(share: number | undefined): string {
  return isMeasured(share) ? `${grouped(Math.round(100 * share))} %` : MISSING;
}

/** A time: `0.8 s`, `41 s`, `2 min 41 s`, `3 h 5 min`. */
export function secondsFigure(value: number | undefined): string {
  if (!isMeasured(value)) return MISSING;
  if (value < 9.95) return `${value.toFixed(1)} s`;
  const seconds = Math.round(value);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  if (hours > 0) return `${grouped(hours)} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}

/** An ISO 8601 moment in UTC: `24 November 2026, 10:07 UTC`; anything else as it stands. */
export function momentFigure(iso: string): string {
  const moment = new Date(iso);
  if (Number.isNaN(moment.getTime())) return iso;
  return `${moment.toLocaleDateString('en-GB', { day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' })}, ${moment.toISOString().slice(11, 16)} UTC`;
}

function prefixed(value: number | undefined, unit: string): string {
  if (!isMeasured(value)) return MISSING;
  for (const [size, prefix] of PREFIXES) {
    // 999,960 reads better as 1 M than as 1000 k.
    if (Math.abs(value) >= size * 0.99995) return `${trimmed(value / size)} ${prefix}${unit}`;
  }
  return unit ? `${grouped(Math.round(value))} ${unit}` : grouped(Math.round(value));
}

/** One decimal, unless it is a zero. */
function trimmed(value: number): string {
  return value.toFixed(1).replace(/\.0$/, '');
}

function grouped(value: number): string {
  return value.toLocaleString('en-US');
}
