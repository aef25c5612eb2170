/** Small parts that several views share. */
import * as React from 'react';

import { LOOKS, type Look, word } from '../looks';
import { useView } from './context';

/** A state as symbol and word. */
export function Pill(props: { look: Look; isBrief?: boolean }): JSX.Element {
  const { trans } = useView();
  const said = word(props.look, trans);
  return (
    <span className="flyte-Pill" title={props.isBrief ? said : undefined}>
      <span className="flyte-Symbol" style={{ color: `var(${LOOKS[props.look].colour})` }} aria-hidden="true">
        {LOOKS[props.look].symbol}
      </span>
      <span className={props.isBrief ? 'flyte-Hidden' : undefined}>{said}</span>
    </span>
  );
}

/** A button with words. */
export function Button(props: {
  label: string;
  title?: string;
  isOn?: boolean;
  /** The label is a symbol; the title says what it does. */
  isSymbol?: boolean;
  disabled?: boolean;
  onClick: () => void;
}): JSX.Element {
  return (
    <button
      type="button"
      className="flyte-Button"
      title={props.title}
      aria-label={props.isSymbol ? props.title : undefined}
      aria-pressed={props.isOn}
      disabled={props.disabled}
      onClick={props.onClick}
    >
      {props.label}
    </button>
  );
}

/** A field for what is looked for; with `delay`, it tells of it so many milliseconds after the last key. */
export function Search(props: {
  label: string;
  placeholder?: string;
  text: string;
  delay?: number;
  onText: (text: string) => void;
  /** Enter asks for the next place, with Shift for the one before. */
  onStep?: (by: 1 | -1) => void;
}): JSX.Element {
  const [text, setText] = React.useState(props.text);
  const timer = React.useRef<ReturnType<typeof setTimeout>>();
  React.useEffect(() => () => clearTimeout(timer.current), []);
  return (
    <input
      type="search"
      className="flyte-Input"
      placeholder={props.placeholder ?? props.label}
      aria-label={props.label}
      value={text}
      onChange={event => {
        const wanted = event.target.value;
        setText(wanted);
        clearTimeout(timer.current);
        if (props.delay) {
          timer.current = setTimeout(() => props.onText(wanted), props.delay);
        } else {
          props.onText(wanted);
        }
      }}
      onKeyDown={event => {
        event.stopPropagation();
        if (event.key === 'Enter') {
          props.onStep?.(event.shiftKey ? -1 : 1);
        }
      }}
    />
  );
}

export interface ITab {
  readonly id: string;
  readonly label: string;
  readonly panel: () => JSX.Element;
}

/** Tabs; arrow keys move between them. */
export function Tabs(props: {
  name: string;
  tabs: readonly ITab[];
  current: string;
  onChange: (id: string) => void;
}): JSX.Element {
  const base = React.useId();
  const at = Math.max(
    0,
    props.tabs.findIndex(tab => tab.id === props.current)
  );
  const buttons = React.useRef<(HTMLButtonElement | null)[]>([]);
  const onKeyDown = (event: React.KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step) {
      event.preventDefault();
      event.stopPropagation();
      const next = (at + step + props.tabs.length) % props.tabs.length;
      props.onChange(props.tabs[next].id);
      buttons.current[next]?.focus();
    }
  };
  return (
    <div className="flyte-Tabs">
      <div role="tablist" aria-label={props.name} className="flyte-TabBar" onKeyDown={onKeyDown}>
        {props.tabs.map((tab, i) => (
          <button
            key={tab.id}
            ref={element => {
              buttons.current[i] = element;
            }}
            type="button"
            role="tab"
            id={`${base}-${tab.id}`}
            aria-selected={i === at}
            aria-controls={`${base}-panel`}
            tabIndex={i === at ? 0 : -1}
            className="flyte-Tab"
            onClick={() => props.onChange(tab.id)}
          >
            {tab.label}
          </button>
        ))}
      </div>
      <div
        role="tabpanel"
        id={`${base}-panel`}
        aria-labelledby={`${base}-${props.tabs[at].id}`}
        className="flyte-TabPanel"
      >
        {props.tabs[at].panel()}
      </div>
    </div>
  );
}

/** Pairs of a name and what it is; what is empty is left out. */
export function Facts(props: { facts: readonly (readonly [string, React.ReactNode])[] }): JSX.Element {
  const given = props.facts.filter(([, value]) => value !== '' && value !== null && value !== undefined);
  return (
    <dl className="flyte-Facts">
      {given.map(([name, value]) => (
        <React.Fragment key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </React.Fragment>
      ))}
    </dl>
  );
}

/** A line that says why something is not there. */
export function Note(props: { children: React.ReactNode }): JSX.Element {
  return <div className="flyte-Note">{props.children}</div>;
}
