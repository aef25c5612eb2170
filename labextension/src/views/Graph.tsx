/** A run's graph on a canvas: pan, zoom, open and shut, by mouse and by keyboard. */
import * as React from 'react';

import type { RunState } from '../advance';
import { called } from '../format';
import { type Box, type Drawing, layout } from '../layout';
import { tally, told } from '../looks';
import type { Marks } from '../marks';
import { coloursOf, type ISight, paint } from '../painter';
import { beside, fit, hit, reveal, zoom } from '../sight';
import { useView } from './context';
import { Button } from './parts';

/** What a person did to a graph; it outlives the graph where the page takes it out for a while. */
export interface IGraphState {
  open: ReadonlySet<string>;
  shut: ReadonlySet<string>;
  sight: ISight | null;
}

export function Graph(props: {
  state: RunState;
  marks: Marks;
  revision: number;
  kept: IGraphState;
  height: number | null;
  current: string;
  onCurrent: (action: string) => void;
}): JSX.Element {
  const { trans, themed } = useView();
  const { kept } = props;
  const canvas = React.useRef<HTMLCanvasElement>(null);
  const [folds, setFolds] = React.useState(0);
  const [marked, setMarked] = React.useState(props.current);
  const drawing = React.useMemo(
    () => layout(props.state, kept.open, kept.shut, props.marks),
    [props.state, props.revision, folds]
  );
  const painter = usePainter(canvas, drawing, kept, marked);
  React.useEffect(() => setMarked(props.current), [props.current]);
  React.useEffect(() => {
    themed?.connect(painter.repaint);
    return () => void themed?.disconnect(painter.repaint);
  }, [themed]);

  const fold = (box: Box) => {
    const [opened, closed] = [new Set(kept.open), new Set(kept.shut)];
    if (box.kind === 'many') {
      opened.add(box.key);
      kept.sight = null; // all of it, as it may be much larger now
    } else if (box.kind === 'block') {
      opened.delete(box.key);
    } else if (!closed.delete(box.key) && drawing.boxes.some(other => drawing.boxes[other.parent] === box)) {
      closed.add(box.key);
    }
    kept.open = opened;
    kept.shut = closed;
    setFolds(count => count + 1);
  };
  const choose = (box: Box | null) => {
    if (box) {
      setMarked(box.key);
      painter.look(sight => reveal(sight, box, painter.width(), painter.height()));
      if (box.actions.length === 1) {
        props.onCurrent(box.actions[0].name);
      }
    }
  };
  const mouse = useMouse(painter, drawing, kept, choose, fold);
  const onKeyDown = (event: React.KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    const middle = [painter.width() / 2, painter.height() / 2] as const;
    const smallest = fit(drawing, painter.width(), painter.height()).scale / 4;
    if (event.key.startsWith('Arrow') && event.shiftKey) {
      const step = 60 / (kept.sight?.scale ?? 1);
      const [x, y] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[
        event.key
      ] ?? [0, 0];
      painter.look(sight => ({ ...sight, x: sight.x + x * step, y: sight.y + y * step }));
    } else if (event.key.startsWith('Arrow')) {
      choose(beside(drawing, marked, event.key));
    } else if (event.key === 'Enter' || event.key === ' ') {
      const box = drawing.boxes.find(one => one.key === marked);
      if (box) {
        fold(box);
      }
    } else if (event.key === '+' || event.key === '=' || event.key === '-') {
      painter.look(sight => zoom(sight, event.key === '-' ? 0.8 : 1.25, ...middle, smallest));
    } else if (event.key === '0') {
      painter.fit();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };
  const box = drawing.boxes.find(one => one.key === marked);
  const counts = told(tally(props.state.actions.values()), trans);
  const name = box?.kind === 'cell' ? called(box.actions[0], props.marks) : box?.title;
  const many = box && box.actions.length > 1 ? ` ×${box.actions.length.toLocaleString()}` : '';
  const height = props.height ?? undefined;
  return (
    <div className="flyte-Graph" style={{ height }}>
      <canvas
        ref={canvas}
        tabIndex={0}
        role="application"
        aria-roledescription={trans.__('graph')}
        aria-label={trans.__(
          'Graph of %1 actions: %2. Arrow keys move, Enter opens and shuts, plus and minus zoom, 0 shows all.',
          props.state.actions.size.toLocaleString(),
          counts
        )}
        onKeyDown={onKeyDown}
        {...mouse}
      />
      <div className="flyte-GraphButtons">
        <Button label="+" isSymbol title={trans.__('Zoom in')} onClick={() => painter.zoomBy(1.25)} />
        <Button label="−" isSymbol title={trans.__('Zoom out')} onClick={() => painter.zoomBy(0.8)} />
        <Button label={trans.__('Fit')} title={trans.__('Show all of the graph')} onClick={painter.fit} />
      </div>
      <div role="status" className="flyte-Hidden">
        {box ? `${name}${many}: ${told(tally(box.actions), trans)}` : ''}
      </div>
    </div>
  );
}

interface IPainter {
  width: () => number;
  height: () => number;
  look: (change: (sight: ISight) => ISight) => void;
  fit: () => void;
  zoomBy: (factor: number) => void;
  repaint: () => void;
}

/** Paint on the next frame whenever something changed. */
function usePainter(
  canvas: React.RefObject<HTMLCanvasElement>,
  drawing: Drawing,
  kept: IGraphState,
  current: string
): IPainter {
  const { trans } = useView();
  const latest = React.useRef({ drawing, current });
  latest.current = { drawing, current };
  const frame = React.useRef(0);
  // As it was observed: a notebook hides cells for a moment in which they have no size, and tells nobody.
  const size = React.useRef({ width: 0, height: 0 });
  const tools = React.useMemo<IPainter>(() => {
    const width = () => size.current.width || 1;
    const height = () => size.current.height || 1;
    const repaint = () => {
      frame.current ||= requestAnimationFrame(() => {
        frame.current = 0;
        const element = canvas.current;
        const context = element?.getContext('2d');
        if (element && context && size.current.width > 0) {
          const sight = kept.sight ?? fit(latest.current.drawing, width(), height());
          paint(context, { ...latest.current, sight, trans }, coloursOf(element), width(), height());
        }
      });
    };
    const look = (change: (sight: ISight) => ISight) => {
      kept.sight = change(kept.sight ?? fit(latest.current.drawing, width(), height()));
      repaint();
    };
    const smallest = () => fit(latest.current.drawing, width(), height()).scale / 4;
    const zoomBy = (factor: number) =>
      look(sight => zoom(sight, factor, width() / 2, height() / 2, smallest()));
    const showAll = () => {
      kept.sight = null;
      repaint();
    };
    return { width, height, look, fit: showAll, zoomBy, repaint };
  }, []);
  React.useEffect(tools.repaint, [drawing, current]);
  React.useLayoutEffect(() => {
    const element = canvas.current;
    if (!element) {
      return;
    }
    const observer = new ResizeObserver(() => {
      const ratio = window.devicePixelRatio || 1;
      size.current = { width: element.clientWidth, height: element.clientHeight };
      element.width = Math.round(element.clientWidth * ratio);
      element.height = Math.round(element.clientHeight * ratio);
      tools.repaint();
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      cancelAnimationFrame(frame.current);
      frame.current = 0;
    };
  }, []);
  return tools;
}

/** Drag to move, wheel with a key to zoom, click to choose, double click to open and shut. */
function useMouse(
  painter: IPainter,
  drawing: Drawing,
  kept: IGraphState,
  choose: (box: Box | null) => void,
  fold: (box: Box) => void
): React.CanvasHTMLAttributes<HTMLCanvasElement> {
  const drag = React.useRef<{ x: number; y: number; sight: ISight; moved: boolean } | null>(null);
  const at = (event: React.MouseEvent): Box | null => {
    const area = event.currentTarget.getBoundingClientRect();
    const sight = kept.sight ?? fit(drawing, painter.width(), painter.height());
    return hit(drawing, sight, event.clientX - area.left, event.clientY - area.top);
  };
  return {
    onPointerDown: event => {
      event.currentTarget.setPointerCapture(event.pointerId);
      const sight = kept.sight ?? fit(drawing, painter.width(), painter.height());
      drag.current = { x: event.clientX, y: event.clientY, sight, moved: false };
    },
    onPointerMove: event => {
      const from = drag.current;
      if (from) {
        const [x, y] = [event.clientX - from.x, event.clientY - from.y];
        from.moved ||= Math.abs(x) + Math.abs(y) > 4;
        if (from.moved) {
          painter.look(() => ({
            ...from.sight,
            x: from.sight.x - x / from.sight.scale,
            y: from.sight.y - y / from.sight.scale
          }));
        }
      }
    },
    onPointerUp: event => {
      const from = drag.current;
      drag.current = null;
      if (from && !from.moved) {
        choose(at(event));
      }
    },
    onDoubleClick: event => {
      const box = at(event);
      if (box) {
        fold(box);
      }
    },
    onWheel: event => {
      if (event.ctrlKey || event.shiftKey || event.altKey) {
        const area = event.currentTarget.getBoundingClientRect();
        const smallest = fit(drawing, painter.width(), painter.height()).scale / 4;
        const factor = Math.exp(-(event.deltaY || event.deltaX) / 300);
        const [x, y] = [event.clientX - area.left, event.clientY - area.top];
        painter.look(sight => zoom(sight, factor, x, y, smallest));
        event.stopPropagation();
      }
    }
  };
}
