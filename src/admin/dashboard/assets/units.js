// Numbers as people read them.

const NONE = "–";

/** A count: 1,234. */
export const count = (number) => (number === undefined || number === null ? NONE : number.toLocaleString("en"));

/** So many a second, with as many digits as tell something. */
export function perSecond(number, seconds) {
  if (!seconds) return NONE;
  const rate = number / seconds;
  return rate >= 100 || rate === 0 ? Math.round(rate).toLocaleString("en") : rate.toFixed(1);
}

/** A share of one: 87.5 %. */
export const percent = (share) => (share === undefined || share === null ? NONE : `${(share * 100).toFixed(1)} %`);

/** Milliseconds. */
export function millis(ms) {
  if (ms === undefined || ms === null) return NONE;
  return ms >= 1000 ? `${ms / 1000} s` : `${ms} ms`;
}

/** The upper bound of a bucket. Where something took longer than the last bucket, that is what it says. */
export function bound(latency, percentile) {
  if (!latency || latency.count === 0) return NONE;
  const ms = latency[percentile];
  return ms === null ? "> 30 s" : `≤ ${millis(ms)}`;
}

/** P50, P95 and P99 as upper bounds in milliseconds. */
export function percentiles(latency) {
  if (!latency || latency.count === 0) return NONE;
  return [latency.p50_ms, latency.p95_ms, latency.p99_ms].map((ms) => ms ?? "> 30000").join(" / ");
}

/** Bytes: 1.5 MiB. */
export function bytes(number) {
  if (number === undefined || number === null) return NONE;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = number;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(value >= 100 ? 0 : 1)} ${units[unit]}`;
}

/** Seconds as the two largest units. */
export function duration(seconds) {
  const parts = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  let left = Math.floor(seconds);
  const shown = [];
  for (const [unit, length] of parts) {
    const whole = Math.floor(left / length);
    left -= whole * length;
    if (whole > 0 || (unit === "s" && shown.length === 0)) shown.push(`${whole} ${unit}`);
  }
  return shown.slice(0, 2).join(" ");
}

/** A moment in the viewer's own time. */
export const clockTime = (text) => new Date(text).toLocaleTimeString();
export const dateTime = (text) => new Date(text).toLocaleString();
