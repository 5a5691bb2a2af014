const months = 'January February March April May June July August September October November December'.split(
  ' ',
)
const days = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ')

const pad = (value: number, length = 2): string => String(value).padStart(length, '0')

const directives: { readonly [letter: string]: (date: Date) => string } = {
  Y: (date) => pad(date.getFullYear(), 4),
  y: (date) => pad(date.getFullYear() % 100),
  m: (date) => pad(date.getMonth() + 1),
  d: (date) => pad(date.getDate()),
  B: (date) => months[date.getMonth()]!,
  b: (date) => months[date.getMonth()]!.slice(0, 3),
  A: (date) => days[date.getDay()]!,
  a: (date) => days[date.getDay()]!.slice(0, 3),
  H: (date) => pad(date.getHours()),
  I: (date) => pad(date.getHours() % 12 || 12),
  p: (date) => (date.getHours() < 12 ? 'AM' : 'PM'),
  M: (date) => pad(date.getMinutes()),
  S: (date) => pad(date.getSeconds()),
  '%': () => '%',
}

/**
 * Python's strftime in the C locale, local time, for the directives that chat templates use; others stay as written.
 * English names whatever the machine's locale, because models were trained on prompts that Python made.
 */
export function strftime(date: Date, format: string): string {
  return format.replace(/%(.)/gs, (directive, letter: string) => directives[letter]?.(date) ?? directive)
}
