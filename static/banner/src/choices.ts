/**
 * How the boxes of one purpose and of its services follow each other. Knows boxes, not the page.
 *
 * Ticking the purpose ticks its services; unticking one service unticks the purpose and leaves the others.
 */

export interface Box {
  checked: boolean;
  indeterminate: boolean;
}

/** Brings the boxes in line after `changed` was clicked; with nothing changed, shows the state they start in. */
export function align(purpose: Box, services: readonly Box[], changed?: Box): void {
  if (!services.length) return;
  if (changed === purpose || (!changed && purpose.checked)) {
    for (const service of services) service.checked = purpose.checked;
  }
  purpose.checked = services.every((service) => service.checked);
  purpose.indeterminate = !purpose.checked && services.some((service) => service.checked);
}
