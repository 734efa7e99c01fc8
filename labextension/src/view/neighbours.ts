/** Which node an arrow key leads to. */

import type { INode } from './types';

const TOWARDS: Record<string, [number, number]> = {
  ArrowRight: [1, 0],
  ArrowLeft: [-1, 0],
  ArrowDown: [0, 1],
  ArrowUp: [0, -1]
};

/** The nearest node in the direction of `key`, straight ahead before aslant; null when there is none. */
export function neighbour(nodes: readonly INode[], from: INode, key: string): INode | null {
  const towards = TOWARDS[key];
  if (!towards) {
    return null;
  }
  const [ux, uy] = towards;
  let best: INode | null = null;
  let least = Infinity;
  for (const node of nodes) {
    const ahead = (node.x - from.x) * ux + (node.y - from.y) * uy;
    const aside = Math.abs((node.x - from.x) * uy) + Math.abs((node.y - from.y) * ux);
    if (node !== from && ahead > 1 && ahead + 2 * aside < least) {
      least = ahead + 2 * aside;
      best = node;
    }
  }
  return best;
}
