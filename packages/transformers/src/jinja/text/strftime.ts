import type { Budget } from '../budget.js'

const MONTHS = 'January February March April May June July August September October November December'.split(
  ' ',
)
const DAYS = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ')

/** What a directive writes: a text, or a number with its usual width and what fills it. */
type Part = string | readonly [value: number, width: number, fill: '0' | ' ']

const DIRECTIVES: { readonly [letter: string]: (date: Date) => Part } = {
  '%': () => '%',
  A: (date) => DAYS[date.getDay()]!,
  a: (date) => DAYS[date.getDay()]!.slice(0, 3),
  B: (date) => MONTHS[date.getMonth()]!,
  b: (date) => MONTHS[date.getMonth()]!.slice(0, 3),
  C: (date) => [Math.floor(date.getFullYear() / 100), 2, '0'],
  c: (date) => composed(date, '%a %b %e %H:%M:%S %Y'),
  D: (date) => composed(date, '%m/%d/%y'),
  d: (date) => [date.getDate(), 2, '0'],
  e: (date) => [date.getDate(), 2, ' '],
  F: (date) => composed(date, '%Y-%m-%d'),
  f: (date) => String(date.getMilliseconds() * 1000).padStart(6, '0'),
  G: (date) => [isoWeek(date).year, 4, '0'],
  g: (date) => [isoWeek(date).year % 100, 2, '0'],
  H: (date) => [date.getHours(), 2, '0'],
  h: (date) => MONTHS[date.getMonth()]!.slice(0, 3),
  I: (date) => [date.getHours() % 12 || 12, 2, '0'],
  j: (date) => [dayOfYear(date) + 1, 3, '0'],
  k: (date) => [date.getHours(), 2, ' '],
  l: (date) => [date.getHours() % 12 || 12, 2, ' '],
  M: (date) => [date.getMinutes(), 2, '0'],
  m: (date) => [date.getMonth() + 1, 2, '0'],
  n: () => '\n',
  P: (date) => (date.getHours() < 12 ? 'am' : 'pm'),
  p: (date) => (date.getHours() < 12 ? 'AM' : 'PM'),
  R: (date) => composed(date, '%H:%M'),
  r: (date) => composed(date, '%I:%M:%S %p'),
  S: (date) => [date.getSeconds(), 2, '0'],
  s: (date) => String(Math.floor(date.getTime() / 1000)),
  T: (date) => composed(date, '%H:%M:%S'),
  t: () => '\t',
  U: (date) => [Math.floor((dayOfYear(date) + 7 - date.getDay()) / 7), 2, '0'],
  u: (date) => [date.getDay() || 7, 1, '0'],
  V: (date) => [isoWeek(date).week, 2, '0'],
  W: (date) => [Math.floor((dayOfYear(date) + 7 - ((date.getDay() + 6) % 7)) / 7), 2, '0'],
  w: (date) => [date.getDay(), 1, '0'],
  X: (date) => composed(date, '%H:%M:%S'),
  x: (date) => composed(date, '%m/%d/%y'),
  Y: (date) => [date.getFullYear(), 1, '0'],
  y: (date) => [date.getFullYear() % 100, 2, '0'],
  // A time of Python that knows no zone writes nothing for it.
  Z: () => '',
  z: () => '',
}

/**
 * Python's strftime in the C locale, local time: every directive of C, with the flags of glibc ("%-d"); what is none
 * stays as written. English names whatever the machine's locale, because models were trained on prompts that Python
 * made.
 */
export function strftime(date: Date, format: string, budget: Budget): string {
  budget.step(format.length)
  return format.replace(
    /%([-_0^#]*)(\d{0,3})[EO]?([A-Za-z%])/g,
    (all, flags: string, width: string, letter: string) => {
      const directive = Object.hasOwn(DIRECTIVES, letter) ? DIRECTIVES[letter] : undefined
      budget.text(Number(width))
      return directive === undefined ? all : write(directive(date), flags, width)
    },
  )
}

/** A directive that stands for several. */
function composed(date: Date, format: string): string {
  return format.replace(/%(.)/g, (_all, letter: string) => write(DIRECTIVES[letter]!(date), '', ''))
}

function write(part: Part, flags: string, width: string): string {
  const [value, usualWidth, usualFill] = typeof part === 'string' ? ([part, 0, ' '] as const) : part
  const flag = /[-_0](?=[\^#]*$)/.exec(flags)?.[0]
  const fill = flag === '0' ? '0' : flag === '_' ? ' ' : usualFill
  const fullWidth = width === '' ? (flag === '-' ? 0 : usualWidth) : Number(width)
  const text = String(value).padStart(fullWidth, fill)
  return /[\^#]/.test(flags) ? text.toUpperCase() : text
}

/** Days since the first of January. */
function dayOfYear(date: Date): number {
  const days = (month: number, day: number) => Date.UTC(date.getFullYear(), month, day) / 86_400_000
  return days(date.getMonth(), date.getDate()) - days(0, 1)
}

/** The week of ISO 8601: weeks begin on Monday and belong to the year of their Thursday. */
function isoWeek(date: Date): { readonly year: number; readonly week: number } {
  const weekday = (date.getDay() + 6) % 7
  const thursday = new Date(date.getFullYear(), date.getMonth(), date.getDate() - weekday + 3)
  return { year: thursday.getFullYear(), week: Math.floor(dayOfYear(thursday) / 7) + 1 }
}
