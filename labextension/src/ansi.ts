/* eslint-disable no-control-regex -- control characters are what it takes out */
/** Text of a terminal as runs of plain text with their colours; other control sequences are left out. */

export interface IRun {
  readonly text: string;
  /** Names of classes, such as `flyte-ansi-red`. */
  readonly style: string;
}

const COLOURS = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'];
const SEQUENCE =
  /\x1b(?:\[([0-9;:]*)([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])|[\x00-\x08\x0b-\x1f\x7f]/g;

/** Split a line into runs of one style each. */
export function styled(line: string): IRun[] {
  if (!line.includes('\x1b')) {
    return [{ text: plain(line), style: '' }];
  }
  const found: IRun[] = [];
  let [at, style] = [0, new Set<string>()];
  for (const match of line.matchAll(SEQUENCE)) {
    push(found, line.slice(at, match.index), style);
    at = match.index + match[0].length;
    if (match[2] === 'm') {
      style = changed(style, match[1]);
    }
  }
  push(found, line.slice(at), style);
  return found;
}

/** Leave out all control sequences. */
export function plain(line: string): string {
  return line.replace(SEQUENCE, '');
}

/** Split text into lines as a terminal shows them: what a carriage return overwrites is gone. */
export function lines(text: string): string[] {
  const found = text.split('\n').map(line => {
    const whole = line.endsWith('\r') ? line.slice(0, -1) : line;
    return whole.slice(whole.lastIndexOf('\r') + 1);
  });
  if (found[found.length - 1] === '') {
    found.pop();
  }
  return found;
}

function push(found: IRun[], text: string, style: ReadonlySet<string>): void {
  if (text) {
    found.push({ text, style: [...style].map(name => `flyte-ansi-${name}`).join(' ') });
  }
}

function changed(before: ReadonlySet<string>, codes: string): Set<string> {
  const style = new Set(before);
  const numbers = codes.split(/[;:]/).map(Number);
  for (let i = 0; i < numbers.length; i++) {
    const code = numbers[i];
    if (code === 38 || code === 48) {
      i += numbers[i + 1] === 5 ? 2 : 4;
    } else if (code === 0) {
      style.clear();
    } else if (code === 1 || code === 3 || code === 4) {
      style.add({ 1: 'bold', 3: 'italic', 4: 'underline' }[code]);
    } else if (code === 22 || code === 39) {
      [...style].filter(name => (code === 22) === (name === 'bold')).forEach(name => style.delete(name));
    } else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97)) {
      COLOURS.forEach(name => style.delete(name));
      style.add(COLOURS[code % 10]);
    }
  }
  return style;
}
