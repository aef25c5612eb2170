/** Paints a graph on a canvas: only the boxes that are seen, each as plainly as its size on the screen asks for. */
import type { TranslationBundle } from '@jupyterlab/translation';

import { cut, duration, took } from './format';
import type { Box, Drawing } from './layout';
import { first, LOOKS, type Look, tally, told, word } from './looks';

/** What is seen: the drawing's point in the corner, and pixels for one of its units. */
export interface ISight {
  readonly x: number;
  readonly y: number;
  readonly scale: number;
}

/** The theme's colours as the page has them. */
export type Colours = (name: string) => string;

const FONT = '--jp-ui-font-family';
const READABLE = 0.5;

export interface IPainting {
  readonly drawing: Drawing;
  readonly sight: ISight;
  readonly current: string;
  readonly trans: TranslationBundle;
}

/** Read colours from an element's style; each is read once. */
export function coloursOf(element: Element): Colours {
  const style = getComputedStyle(element);
  const known = new Map<string, string>();
  return name => {
    let found = known.get(name);
    if (found === undefined) {
      found = style.getPropertyValue(name).trim() || '#808080';
      known.set(name, found);
    }
    return found;
  };
}

/** Paint it; `width` and `height` are the canvas's in CSS pixels. */
export function paint(
  context: CanvasRenderingContext2D,
  painting: IPainting,
  colours: Colours,
  width: number,
  height: number
): void {
  const { drawing, sight } = painting;
  const ratio = window.devicePixelRatio || 1;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.fillStyle = colours('--jp-layout-color0');
  context.fillRect(0, 0, width, height);
  context.translate(-sight.x * sight.scale, -sight.y * sight.scale);
  context.scale(sight.scale, sight.scale);
  const right = sight.x + width / sight.scale;
  const bottom = sight.y + height / sight.scale;
  const isSeen = (box: Box) =>
    box.x < right && box.x + box.width > sight.x && box.y < bottom && box.y + box.height > sight.y;
  paintEdges(context, drawing, colours, sight, right, bottom);
  const cells = new Map<Look, Box[]>();
  for (const box of drawing.boxes) {
    if (!isSeen(box)) {
      continue;
    }
    if (box.kind === 'cell' && sight.scale < READABLE) {
      const look = lookOf(box);
      const found = cells.get(look);
      if (found) {
        found.push(box);
      } else {
        cells.set(look, [box]);
      }
    } else {
      paintBox(context, box, painting, colours);
    }
  }
  for (const [look, boxes] of cells) {
    context.fillStyle = colours(LOOKS[look].colour);
    for (const box of boxes) {
      context.fillRect(box.x, box.y, box.width, box.height);
    }
  }
  const current = drawing.boxes.find(box => box.key === painting.current);
  if (current) {
    context.strokeStyle = colours('--jp-brand-color1');
    context.lineWidth = 2.5 / Math.min(1, sight.scale);
    rounded(context, current, 3 / Math.min(1, sight.scale));
    context.stroke();
  }
}

function paintEdges(
  context: CanvasRenderingContext2D,
  drawing: Drawing,
  colours: Colours,
  sight: ISight,
  right: number,
  bottom: number
): void {
  context.strokeStyle = colours('--jp-border-color0');
  context.lineWidth = 1.4;
  context.beginPath();
  for (const box of drawing.boxes) {
    const from = box.kind === 'cell' ? undefined : drawing.boxes[box.parent];
    if (!from) {
      continue;
    }
    const [x, y] = [from.x + from.width, from.y + from.height / 2];
    const [endX, endY] = [box.x, box.y + box.height / 2];
    if (x < right && endX > sight.x && Math.min(y, endY) < bottom && Math.max(y, endY) > sight.y) {
      const middle = (x + endX) / 2;
      context.moveTo(x, y);
      context.bezierCurveTo(middle, y, middle, endY, endX, endY);
    }
  }
  context.stroke();
}

function paintBox(context: CanvasRenderingContext2D, box: Box, painting: IPainting, colours: Colours): void {
  const isReadable = painting.sight.scale >= READABLE;
  if (box.kind === 'many') {
    context.fillStyle = colours('--jp-layout-color2');
    rounded(context, { ...box, x: box.x + 4, y: box.y + 4 }, 0);
    context.fill();
  }
  context.fillStyle = colours(box.kind === 'block' ? '--jp-layout-color1' : '--jp-layout-color2');
  context.strokeStyle = colours('--jp-border-color1');
  context.lineWidth = 1;
  rounded(context, box, 0);
  context.fill();
  context.stroke();
  const counts = tally(box.actions);
  context.fillStyle = colours(LOOKS[first(counts)].colour);
  context.fillRect(box.x, box.y + 4, 4, box.height - 8);
  if (!isReadable) {
    return;
  }
  context.fillStyle = colours('--jp-ui-font-color1');
  context.textBaseline = 'middle';
  const family = colours(FONT);
  if (box.kind === 'cell') {
    context.font = `11px ${family}`;
    context.fillText(
      `${LOOKS[lookOf(box)].symbol} ${cut(box.title, 16)}`,
      box.x + 10,
      box.y + box.height / 2
    );
    return;
  }
  const many = box.actions.length > 1 ? ` ×${box.actions.length.toLocaleString()}` : '';
  context.font = `600 12px ${family}`;
  context.fillText(cut(box.title, 24 - many.length) + many, box.x + 12, box.y + 14);
  if (box.kind !== 'block') {
    context.font = `11px ${family}`;
    context.fillStyle = colours('--jp-ui-font-color1');
    const said = `${LOOKS[first(counts)].symbol} ${detail(box, counts, painting.trans)}`;
    context.fillText(cut(said, 32), box.x + 12, box.y + 29);
  }
}

/** Say of one action how it is and how long it took, of many how many are how. */
function detail(box: Box, counts: ReadonlyMap<Look, number>, trans: TranslationBundle): string {
  if (box.actions.length > 1) {
    return told(counts, trans);
  }
  const [action] = box.actions;
  const seconds = action.ended === undefined ? null : took(action, action.ended);
  return seconds === null
    ? word(first(counts), trans)
    : `${word(first(counts), trans)} · ${duration(seconds)}`;
}

function rounded(
  context: CanvasRenderingContext2D,
  box: { x: number; y: number; width: number; height: number },
  more: number
): void {
  context.beginPath();
  context.roundRect(box.x - more, box.y - more, box.width + 2 * more, box.height + 2 * more, 5 + more);
}

function lookOf(box: Box): Look {
  return first(tally(box.actions));
}
