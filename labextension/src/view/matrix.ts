/** A backfill: a row per interval, a column per task, a state in every cell. Arrow keys walk, Enter opens the row. */

import { h, s, setState, setText } from './dom';
import { badgeIcon, look } from './looks';
import { mountRow, tellingTask } from './row';
import type { IBackfillRow, IBackfillView, ISource } from './types';
import { durationText, shortened, took } from './words';

const NAME_MOST = 24;

interface IDrawnRow {
  line: HTMLTableRowElement;
  paint(row: IBackfillRow, columns: string[], now?: number): void;
  select(isOpen: boolean, task: string | null, columns: string[]): void;
}

/** The cell an arrow key leads to, kept within the matrix. */
export function step(
  key: string,
  row: number,
  column: number,
  rows: number,
  columns: number
): [number, number] | null {
  const by: Record<string, [number, number]> = {
    ArrowRight: [0, 1],
    ArrowLeft: [0, -1],
    ArrowDown: [1, 0],
    ArrowUp: [-1, 0],
    Home: [0, -columns],
    End: [0, columns],
    PageDown: [10, 0],
    PageUp: [-10, 0]
  };
  const move = by[key];
  const within = (value: number, size: number) => Math.min(Math.max(value, 0), Math.max(size - 1, 0));
  return move ? [within(row + move[0], rows), within(column + move[1], columns)] : null;
}

/** Put the matrix into `host` and what is known of the chosen row into `detail`; returns what repaints them. */
export function mountMatrix(
  host: HTMLElement,
  detail: HTMLElement,
  source: ISource,
  signal: AbortSignal
): (view: IBackfillView, now?: number) => void {
  const table = h('table', { class: 'jfx-matrix', role: 'grid' });
  host.append(h('div', { class: 'jfx-scroll' }, table));
  let drawn: IDrawnRow[] = [];
  let key = '';
  let open: string | null = null;
  let task: string | null = null;
  let at: [number, number] = [0, 0];

  const cellAt = ([row, column]: [number, number]) =>
    drawn[row]?.line.querySelectorAll<HTMLElement>('.jfx-cell')[column];
  const moveTo = (next: [number, number]) => {
    cellAt(at)?.setAttribute('tabindex', '-1');
    at = next;
    const cell = cellAt(at);
    cell?.setAttribute('tabindex', '0');
    cell?.focus();
  };
  const show = (run: string | null, wanted: string | null = null) => {
    open = run;
    task = wanted;
    paintOpen();
  };
  const paintRow = mountRow(
    detail,
    source,
    wanted => show(open, wanted),
    () => show(null),
    signal
  );
  const paintOpen = (now = source.live ? Date.now() : undefined) => {
    const { view } = source;
    if (view.type !== 'backfill') {
      return;
    }
    const row = view.rows.find(one => one.run_id === open) ?? null;
    const shown = row && (task ?? tellingTask(view, row));
    drawn.forEach((one, i) => one.select(row !== null && view.rows[i] === row, shown, view.columns));
    paintRow(view, row, shown, now);
  };
  const toggle = (run: string, wanted: string | null) => {
    const isOpen = open === run && (wanted === null || task === wanted);
    show(isOpen ? null : run, isOpen ? null : wanted);
  };
  table.addEventListener(
    'click',
    event => {
      const line = (event.target as Element).closest<HTMLElement>('tr[data-run]');
      const cell = (event.target as Element).closest<HTMLElement>('.jfx-cell');
      if (line) {
        if (cell) {
          moveTo([drawn.findIndex(one => one.line === line), indexIn(line, cell)]);
        }
        toggle(line.dataset.run!, cell && columnsOf(source)[indexIn(line, cell)]);
      }
    },
    { signal }
  );
  table.addEventListener(
    'keydown',
    event => {
      const next = step(
        event.key,
        ...at,
        drawn.length,
        drawn[0]?.line.querySelectorAll('.jfx-cell').length ?? 0
      );
      if (next) {
        moveTo(next);
      } else if (event.key === 'Enter' || event.key === ' ') {
        show(drawn[at[0]]?.line.dataset.run ?? null, columnsOf(source)[at[1]] ?? null);
      } else if (event.key === 'Escape' && open) {
        show(null);
      } else {
        return;
      }
      event.preventDefault();
      event.stopPropagation();
    },
    { signal }
  );

  return (view, now) => {
    const wanted = JSON.stringify([view.columns, view.rows.map(row => row.run_id)]);
    if (wanted !== key) {
      key = wanted;
      drawn = view.rows.map(drawRow);
      table.replaceChildren(head(view.columns), h('tbody', {}, ...drawn.map(one => one.line)));
    }
    view.rows.forEach((row, i) => drawn[i].paint(row, view.columns, now));
    cellAt(at)?.setAttribute('tabindex', '0');
    paintOpen(now);
  };
}

function head(columns: string[]): HTMLElement {
  const shown = columns.map(name => shortened(name, NAME_MOST));
  const names = shown.map((name, i) =>
    h(
      'th',
      { scope: 'col', class: 'jfx-column', 'aria-label': columns[i] },
      h('div', {}, h('span', { title: columns[i] }, name))
    )
  );
  const longest = Math.max(0, ...shown.map(name => name.length));
  return h(
    'thead',
    { style: `--jfx-longest:${longest};--jfx-last:${shown[shown.length - 1]?.length ?? 0}` },
    h(
      'tr',
      {},
      h('th', { scope: 'col', class: 'jfx-corner' }, 'interval'),
      ...names,
      h('th', { scope: 'col', class: 'jfx-overhang', 'aria-label': 'duration' })
    )
  );
}

function drawRow(row: IBackfillRow): IDrawnRow {
  const icon = h('span', {});
  const time = h('td', { class: 'jfx-soft jfx-time' });
  const label = h('th', { scope: 'row', class: 'jfx-rowLabel' }, icon, row.label);
  const line = h('tr', { 'data-run': row.run_id }, label);
  const cells = row.cells.map(() => h('td', { class: 'jfx-cell', role: 'gridcell', tabindex: -1 }));
  line.append(...cells, time);
  const paint = (now_: IBackfillRow, columns: string[], now?: number) => {
    if (line.getAttribute('data-now') !== now_.state) {
      line.setAttribute('data-now', now_.state);
      icon.replaceChildren(badgeIcon(now_.state, 14));
      label.title = [look(now_.state).label, now_.reason].filter(Boolean).join(' — ');
    }
    now_.cells.forEach((state, i) =>
      paintCell(cells[i], state, `${columns[i]}, ${now_.label}: ${look(state).label}`)
    );
    setText(time, durationText(took(now_, now)));
  };
  const select = (isOpen: boolean, task: string | null, columns: string[]) => {
    line.classList.toggle('jfx-selected', isOpen);
    cells.forEach((cell, i) => cell.classList.toggle('jfx-chosen', isOpen && columns[i] === task));
  };
  return { line, paint, select };
}

function columnsOf({ view }: ISource): string[] {
  return view.type === 'backfill' ? view.columns : [];
}

function indexIn(line: HTMLElement, cell: HTMLElement): number {
  return Array.from(line.querySelectorAll('.jfx-cell')).indexOf(cell);
}

function paintCell(cell: HTMLElement, state: string, said: string): void {
  if (cell.getAttribute('data-state') !== state) {
    setState(cell, state);
    cell.title = said;
    cell.setAttribute('aria-label', said);
    cell.replaceChildren(
      s('svg', { viewBox: '-8 -8 16 16', 'aria-hidden': 'true' }, s('path', { d: look(state).path }))
    );
  }
}
