/** Elements with text and attributes only: nothing from data is ever parsed as HTML. */

type Child = Node | string | null | undefined | false;
type Attributes = Record<string, string | number | boolean | null | undefined>;

const SVG = 'http://www.w3.org/2000/svg';

function fill<T extends Element>(element: T, attributes: Attributes, children: Child[]): T {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? '' : String(value));
    }
  }
  element.append(...children.filter((child): child is Node | string => Boolean(child)));
  return element;
}

/** An HTML element. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  return fill(document.createElement(tag), attributes, children);
}

/** An SVG element. */
export function s<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): SVGElementTagNameMap[K] {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** Set the text of an element only when it differs: quiet for screen readers and for layout. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) {
    element.textContent = text;
  }
}

/** Give an element the class of a state, taking away that of another. */
export function setState(element: Element, state: string): void {
  if (element.getAttribute('data-state') !== state) {
    const old = element.getAttribute('data-state');
    if (old) {
      element.classList.remove(`jfx-${old}`);
    }
    element.classList.add(`jfx-${state}`);
    element.setAttribute('data-state', state);
  }
}

/** A push button; `onClick` ends with `signal`. */
export function button(
  label: string,
  title: string,
  onClick: () => void,
  signal: AbortSignal
): HTMLButtonElement {
  const element = h('button', { type: 'button', class: 'jfx-button', title, 'aria-label': title }, label);
  element.addEventListener('click', onClick, { signal });
  return element;
}
