/** Times, sizes and names for people. */
import type { Action } from './events';
import type { Marks } from './marks';

/** Write a length of time: `0.42 s`, `12.3 s`, `4 m 05 s`, `3 h 20 m`. */
export function duration(seconds: number): string {
  const time = Math.max(0, seconds);
  if (time < 9.995) {
    return `${time.toFixed(2)} s`;
  }
  if (time < 59.95) {
    return `${time.toFixed(1)} s`;
  }
  const whole = Math.round(time);
  if (whole < 3600) {
    return `${Math.floor(whole / 60)} m ${two(whole % 60)} s`;
  }
  return `${Math.floor(whole / 3600).toLocaleString()} h ${two(Math.floor((whole % 3600) / 60))} m`;
}

/** Write a size: `512 B`, `1.5 kB`, `20 MB`. */
export function size(bytes: number): string {
  let amount = bytes;
  for (const unit of ['B', 'kB', 'MB', 'GB']) {
    if (amount < 999.5) {
      return `${amount >= 9.95 || unit === 'B' ? amount.toFixed(0) : amount.toFixed(1)} ${unit}`;
    }
    amount /= 1000;
  }
  return `${amount.toFixed(1)} TB`;
}

/** Write a moment: the time of day if it is today, else the date as well. */
export function moment(seconds: number, now = Date.now()): string {
  const time = new Date(seconds * 1000);
  const clock = time.toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
  return time.toDateString() === new Date(now).toDateString()
    ? clock
    : `${time.toLocaleDateString()} ${clock}`;
}

/** The last part of a qualified name. */
export function shortName(task: string): string {
  return task.slice(task.lastIndexOf('.') + 1);
}

/** Name an action for people. */
export function label(action: Action): string {
  return action.short || shortName(action.task ?? '') || action.name;
}

/** Name an action with what tells it from others of its name, as a call is written. */
export function called(action: Action, marks: Marks): string {
  const mark = marks.get(action.name);
  return mark ? `${label(action)}(${mark})` : label(action);
}

/** Cut a text to so many characters. */
export function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}

/** The last part of a path. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Seconds from an action's beginning to its end, or to now. */
export function took(action: Action, now: number): number | null {
  const begun = action.started ?? (action.ended === undefined ? undefined : action.queued);
  return begun === undefined ? null : (action.ended ?? now) - begun;
}

function two(number: number): string {
  return String(number).padStart(2, '0');
}
