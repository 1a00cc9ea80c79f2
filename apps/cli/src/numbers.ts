/** `134.5 M`; below 10,000 the number itself. */
export function short(value: number): string {
  if (value < 10_000) return Number.isInteger(value) ? String(value) : value.toFixed(1);
  return scaled(value, ['k', 'M', 'G', 'T']);
}

/** `269.0 MB`: powers of ten, as disks are sold. */
export function size(bytes: number): string {
  return bytes < 1000 ? `${bytes} B` : scaled(bytes, ['kB', 'MB', 'GB', 'TB']);
}

function scaled(value: number, units: readonly string[]): string {
  // 999,950 would be written as 1000.0 k.
  const power = Math.min(units.length, Math.floor(Math.log10(value * 1.00005) / 3));
  return `${(value / 1000 ** power).toFixed(1)} ${units[power - 1]}`;
}

/** `0:41`, `1:02:10`. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (part: number): string => String(part).padStart(2, '0');
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** `12.3 s`, and from a minute on `2:05`. */
export function duration(seconds: number): string {
  return seconds < 60 ? `${seconds.toFixed(1)} s` : clock(seconds);
}

/** `−39.5 %`: how much less (or more) there is after. */
export function change(before: number, after: number): string {
  if (before === 0 || before === after) return '±0 %';
  const percent = (100 * (after - before)) / before;
  return `${percent < 0 ? '−' : '+'}${Math.abs(percent).toFixed(1)} %`;
}

/** Four significant digits, in full where a number is large: perplexities run from 8 to millions. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  return Math.abs(value) >= 1000 ? Math.round(value).toLocaleString('en-US') : value.toPrecision(4);
}
