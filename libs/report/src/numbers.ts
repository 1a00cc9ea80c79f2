/** What stands where nothing was measured. */
export const MISSING = '–';

/** `134.5 M`, `8.03 B`, `960`. */
export function count(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return MISSING;
  if (value >= 1e9) return `${(value / 1e9).toFixed(2)} B`;
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)} M`;
  return Math.round(value).toLocaleString('en-US');
}

/** `7.6 MB`. */
export function bytes(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return MISSING;
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = value < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(value) / 3));
  return `${(value / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}

/** Three or four significant digits; thousands grouped. */
export function number(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return MISSING;
  if (Math.abs(value) >= 1e6) return value.toExponential(2);
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(4)));
}

/** `× 0.60`, relative to the first. */
export function ratio(value: number | undefined, first: number | undefined): string {
  if (value === undefined || first === undefined || !(first > 0)) return '';
  const times = value / first;
  return Number.isFinite(times) ? `× ${times >= 100 ? number(times) : times.toFixed(2)}` : '';
}

/** `2 min 5 s`. */
export function duration(seconds: number): string {
  return seconds < 60 ? `${seconds.toFixed(1)} s` : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}
