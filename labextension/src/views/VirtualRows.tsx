/** A list of which only the rows that are seen are in the page, however many there are. */
import * as React from 'react';

/** Rows beyond the edge that are drawn, too, so that scrolling shows no gap. */
const BEYOND = 8;

export interface IVirtualRows {
  readonly count: number;
  /** The height of each row in pixels. */
  readonly rowHeight: number;
  readonly row: (index: number) => React.ReactElement;
  /** The row that has to be seen when it changes; -1 for none. */
  readonly current?: number;
  /** It has to be seen again when this changes, as other rows are shown then. */
  readonly seenAgain?: unknown;
  /** Keep to the end as rows come. */
  readonly isFollowing?: boolean;
  readonly onScrolled?: (isAtEnd: boolean) => void;
  /** The rows from `first` to `last` are drawn. */
  readonly onSeen?: (first: number, last: number) => void;
  readonly attributes?: React.HTMLAttributes<HTMLDivElement>;
}

export function VirtualRows(props: IVirtualRows): JSX.Element {
  const { count, rowHeight } = props;
  const outer = React.useRef<HTMLDivElement>(null);
  const [top, setTop] = React.useState(0);
  const [height, setHeight] = React.useState(400);
  React.useLayoutEffect(() => {
    const element = outer.current;
    if (!element) {
      return;
    }
    const observer = new ResizeObserver(() => setHeight(element.clientHeight));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  React.useLayoutEffect(() => {
    const element = outer.current;
    if (element && props.isFollowing) {
      element.scrollTop = element.scrollHeight;
    }
  }, [count, props.isFollowing, height]);
  React.useLayoutEffect(() => {
    const element = outer.current;
    const at = props.current ?? -1;
    if (element && at >= 0) {
      if (at * rowHeight < element.scrollTop) {
        element.scrollTop = at * rowHeight;
      } else if ((at + 1) * rowHeight > element.scrollTop + element.clientHeight) {
        element.scrollTop = (at + 1) * rowHeight - element.clientHeight;
      }
    }
  }, [props.current, props.seenAgain, rowHeight]);
  const first = Math.max(0, Math.min(count, Math.floor(top / rowHeight)) - BEYOND);
  const last = Math.min(count, Math.ceil((top + height) / rowHeight) + BEYOND);
  React.useEffect(() => props.onSeen?.(first, last), [first, last, count]);
  const shown: React.ReactElement[] = [];
  for (let i = first; i < last; i++) {
    shown.push(props.row(i));
  }
  const onScroll = (event: React.UIEvent<HTMLDivElement>) => {
    const element = event.currentTarget;
    setTop(element.scrollTop);
    props.onScrolled?.(element.scrollTop + element.clientHeight >= element.scrollHeight - rowHeight);
  };
  return (
    <div
      tabIndex={0}
      {...props.attributes}
      ref={outer}
      className={`flyte-Rows ${props.attributes?.className ?? ''}`}
      onScroll={onScroll}
    >
      <div role="presentation" style={{ height: count * rowHeight, position: 'relative' }}>
        <div role="presentation" style={{ position: 'absolute', top: first * rowHeight, left: 0, right: 0 }}>
          {shown}
        </div>
      </div>
    </div>
  );
}
