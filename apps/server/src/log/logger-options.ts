import type { ServerSettings } from '../settings/options.js'

/** Options of pino: JSON lines to standard error, plain ones on a terminal. */
export const loggerOptions = ({ logLevel }: Pick<ServerSettings, 'logLevel'>, stream: LogStream) => ({
  level: logLevel,
  base: undefined as never,
  timestamp: () => `,"time":"${new Date().toISOString()}"`,
  formatters: { level: (label: string) => ({ level: label }) },
  stream: stream.isTTY === true ? { write: (line: string) => stream.write(plainLine(line)) } : stream,
})

export interface LogStream {
  readonly isTTY?: boolean | undefined
  write(text: string): unknown
}

function plainLine(line: string): string {
  const { time, level, msg, ...fields } = JSON.parse(line) as Record<string, unknown>
  const rest = Object.entries(fields)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => `${name}=${typeof value === 'object' ? JSON.stringify(value) : String(value)}`)
  return `${String(time).slice(11, 19)} ${String(level)} ${String(msg)} ${rest.join(' ')}\n`
}
