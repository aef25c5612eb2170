/** A frame that an action was given or returned: paged, sorted and filtered by the server. */
import * as React from 'react';

import type { IFollowed } from '../tokens';
import { useLoaded, useView } from './context';
import { Button, Note, Search } from './parts';

const SIZES = [20, 50, 100];

export function Frame(props: { run: IFollowed; action: string; which: string; name: string }): JSX.Element {
  const { runs, trans } = useView();
  const [page, setPage] = React.useState(0);
  const [size, setSize] = React.useState(SIZES[0]);
  const [order, setOrder] = React.useState<{ sort?: number; order?: string }>({});
  const [text, setText] = React.useState('');
  const { value, error } = useLoaded(
    signal =>
      runs.api.frame(
        props.run.near,
        props.run.name,
        props.action,
        props.which,
        props.name,
        { page, size, text, ...order },
        signal
      ),
    [props.run, props.action, props.which, props.name, page, size, order, text]
  );
  if (error) {
    return <Note>{error}</Note>;
  }
  if (value === null) {
    return <Note>{trans.__('Loading…')}</Note>;
  }
  const sortBy = (column: number) => {
    setPage(0);
    setOrder(before =>
      before.sort !== column
        ? { sort: column, order: 'asc' }
        : before.order === 'asc'
          ? { sort: column, order: 'desc' }
          : {}
    );
  };
  const matched =
    value.matched === value.total
      ? trans.__('%1 rows', value.total.toLocaleString())
      : trans.__('%1 of %2 rows that match', value.matched.toLocaleString(), value.total.toLocaleString());
  const from = value.matched ? value.begin + 1 : 0;
  return (
    <div className="flyte-Frame">
      <div className="flyte-Bar-tools" role="toolbar" aria-label={trans.__('Table')}>
        <Search
          label={trans.__('Filter rows')}
          text={text}
          delay={200}
          onText={wanted => {
            setPage(0);
            setText(wanted);
          }}
        />
        <Button
          label="‹"
          isSymbol
          title={trans.__('Previous page')}
          disabled={value.page === 0}
          onClick={() => setPage(value.page - 1)}
        />
        <span role="status" className="flyte-Quiet">
          {trans.__(
            '%1 to %2 of %3',
            from.toLocaleString(),
            (value.begin + value.rows.length).toLocaleString(),
            matched
          )}
        </span>
        <Button
          label="›"
          isSymbol
          title={trans.__('Next page')}
          disabled={value.page + 1 >= value.pages}
          onClick={() => setPage(value.page + 1)}
        />
        <select
          className="flyte-Input"
          aria-label={trans.__('Rows on a page')}
          value={size}
          onChange={event => {
            setPage(0);
            setSize(Number(event.target.value));
          }}
        >
          {SIZES.map(one => (
            <option key={one} value={one}>
              {one}
            </option>
          ))}
        </select>
      </div>
      <div
        className="flyte-FrameTable"
        tabIndex={0}
        role="region"
        aria-label={trans.__('Rows of %1', props.name)}
      >
        <table>
          <thead>
            <tr>
              {value.columns.map((column, i) => (
                <th
                  key={i}
                  scope="col"
                  aria-sort={order.sort !== i ? 'none' : order.order === 'asc' ? 'ascending' : 'descending'}
                >
                  <button type="button" className="flyte-Sort" onClick={() => sortBy(i)}>
                    {column.name}
                    {order.sort === i ? (order.order === 'asc' ? ' ▲' : ' ▼') : ''}
                  </button>
                  <div className="flyte-Quiet">{column.type}</div>
                  <div className="flyte-Quiet">{column.brief}</div>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {value.rows.map((row, i) => (
              <tr key={value.begin + i}>
                {row.map((cell, j) => (
                  <td key={j}>{cell === null ? <span className="flyte-Quiet">null</span> : cell}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {value.note ? <Note>{value.note}</Note> : null}
    </div>
  );
}
