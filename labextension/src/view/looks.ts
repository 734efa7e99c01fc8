/** Shapes and words of states and kinds. The table is written from Python: one source for all pictures. */

import { s } from './dom';
import table from './states.json';

interface ILook {
  label: string;
  letter: string;
  path: string;
}

const STATES = table.states as Record<string, ILook>;
const KINDS = table.kinds as Record<string, string>;

/** The states in the order of the legend. */
export const STATE_NAMES: readonly string[] = Object.keys(STATES);

/** The look of a state; one of a newer release looks not started. */
export function look(state: string): ILook {
  return STATES[state] ?? STATES.no_status;
}

/** The drawing of a task kind; a plug-in's kind looks like a cell. */
export function kindPath(kind: string): string {
  return KINDS[kind] ?? KINDS.cell;
}

/** The round badge of a state, for use inside an SVG; coloured by the class around it. */
export function badge(state: string, x: number, y: number, radius: number): SVGGElement {
  return s(
    'g',
    { transform: `translate(${x} ${y}) scale(${radius / 8})`, class: 'jfx-badge', 'aria-hidden': 'true' },
    s('circle', { r: 8 }),
    s('path', { d: look(state).path })
  );
}

/** The badge as an element among text, coloured by itself. */
export function badgeIcon(state: string, size = 16): SVGSVGElement {
  return s(
    'svg',
    {
      width: size,
      height: size,
      viewBox: '-8 -8 16 16',
      class: `jfx-icon jfx-${state}`,
      'aria-hidden': 'true'
    },
    badge(state, 0, 0, 8)
  );
}
