export { mountView } from './mount';
export { isPayload, Logs, StillSource } from './sources';
export type { IPayload } from './sources';
export type * from './types';
