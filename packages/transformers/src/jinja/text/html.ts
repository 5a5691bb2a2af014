import type { Value } from '../values.js'
import { Markup } from '../values.js'

const ENTITIES: { readonly [character: string]: string } = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&#34;',
  "'": '&#39;',
}

/** The HTML of a text; markup stays as it is. */
export function escapeHtml(value: Value | string): string {
  return value instanceof Markup
    ? value.text
    : String(value).replace(/[&<>"']/g, (character) => ENTITIES[character]!)
}
