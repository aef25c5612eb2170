/** Moves over a drawing: fit, zoom about a point, bring a box into sight, and the boxes beside a box. Pure. */
import type { Box, Drawing } from './layout';
import type { ISight } from './painter';

export const LARGEST = 2.5;
const MARGIN = 16;

/** See the whole drawing, but no larger than it is. */
export function fit(drawing: Drawing, width: number, height: number): ISight {
  const wide = (width - 2 * MARGIN) / Math.max(1, drawing.width);
  const high = (height - 2 * MARGIN) / Math.max(1, drawing.height);
  const scale = Math.max(0.001, Math.min(1, wide, high));
  return {
    x: -(width / scale - drawing.width) / 2,
    y: -(height / scale - drawing.height) / 2,
    scale
  };
}

/** Zoom so that what is at (x, y) of the canvas stays there. */
export function zoom(sight: ISight, factor: number, x: number, y: number, smallest: number): ISight {
  const scale = Math.min(LARGEST, Math.max(smallest, sight.scale * factor));
  return {
    x: sight.x + x / sight.scale - x / scale,
    y: sight.y + y / sight.scale - y / scale,
    scale
  };
}

/** Move as little as needed to see a box. */
export function reveal(sight: ISight, box: Box, width: number, height: number): ISight {
  const margin = MARGIN / sight.scale;
  const along = (from: number, length: number, at: number, seen: number) =>
    at - margin < from
      ? at - margin
      : at + length + margin > from + seen
        ? at + length + margin - seen
        : from;
  return {
    x: along(sight.x, box.width, box.x, width / sight.scale),
    y: along(sight.y, box.height, box.y, height / sight.scale),
    scale: sight.scale
  };
}

/** Find the box at (x, y) of the canvas; the innermost one. */
export function hit(drawing: Drawing, sight: ISight, x: number, y: number): Box | null {
  const [atX, atY] = [sight.x + x / sight.scale, sight.y + y / sight.scale];
  for (let i = drawing.boxes.length - 1; i >= 0; i--) {
    const box = drawing.boxes[i];
    if (atX >= box.x && atX <= box.x + box.width && atY >= box.y && atY <= box.y + box.height) {
      return box;
    }
  }
  return null;
}

/** Find the box that an arrow key leads to: the caller, the first call, the one before or behind. */
export function beside(drawing: Drawing, current: string, key: string): Box | null {
  const at = drawing.boxes.findIndex(box => box.key === current);
  if (at < 0) {
    return drawing.boxes[0] ?? null;
  }
  const box = drawing.boxes[at];
  if (key === 'ArrowLeft') {
    return drawing.boxes[box.parent] ?? null;
  }
  if (key === 'ArrowRight') {
    return drawing.boxes.find(other => other.parent === at) ?? null;
  }
  const siblings = drawing.boxes.filter(other => other.parent === box.parent);
  const next = siblings.indexOf(box) + (key === 'ArrowDown' ? 1 : -1);
  return siblings[next] ?? null;
}
