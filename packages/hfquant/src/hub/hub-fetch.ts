import { setTimeout } from 'node:timers/promises'
import { HubError } from './errors.js'
import type { HubSettings } from './hub-settings.js'

/** What is being asked for, for messages. */
export interface HubRequest {
  readonly model: string
  readonly revision: string
  readonly signal: AbortSignal | undefined
}

/** How often a request is sent that is answered with "later", and the pause before each further one. */
const TRIES = 4
const PAUSE_MS = 250
/** Whoever is asked to wait longer than this hears so at once. */
const MAX_PAUSE_S = 60
/** Too many requests, and what gateways say of servers that are busy or gone for the moment. */
const PASSING: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504])

/**
 * A `fetch` for the hub: sends the token to the hub only (a redirect elsewhere does not carry it), can be stopped, and
 * turns every refusal into a typed error. Statuses that mean "later" are tried four times, after what `Retry-After`
 * asks for; a connection without a byte for `settings.silence` seconds ends, in the head of an answer and in its body.
 */
export function hubFetch(settings: HubSettings, request: HubRequest): typeof fetch {
  const { token } = settings
  const { origin } = new URL(settings.endpoint)
  return async (input, init) => {
    const url = input instanceof Request ? input.url : String(input)
    const headers = new Headers(init?.headers)
    if (token !== undefined && new URL(url).origin === origin) headers.set('authorization', `Bearer ${token}`)
    for (let tries = 1; ; tries++) {
      const response = await send(url, { ...init, headers }, origin, settings, request)
      if (response.ok) return response
      await response.body?.cancel()
      const seconds = secondsToWait(response) ?? (PAUSE_MS / 1000) * 2 ** (tries - 1)
      if (!PASSING.has(response.status) || tries === TRIES || seconds > MAX_PAUSE_S)
        throw refusal(response, origin, token !== undefined, request, tries)
      await pause(seconds * 1000, request.signal)
    }
  }
}

/** Waits, and throws the reason of `signal` as soon as it is aborted. */
export async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  await setTimeout(milliseconds, undefined, signal ? { signal } : {}).catch(() => signal?.throwIfAborted())
}

async function send(
  url: string,
  init: RequestInit,
  origin: string,
  { silence }: HubSettings,
  { model, signal }: HubRequest,
): Promise<Response> {
  const watch = watchSilence(origin, silence)
  const signals = signal === undefined ? [watch.signal] : [watch.signal, signal]
  watch.begin()
  try {
    const response = await fetch(url, { ...init, signal: AbortSignal.any(signals) })
    if (response.body === null) return response
    const { status, statusText, headers } = response
    return new Response(spoken(response.body, watch), { status, statusText, headers })
  } catch (cause) {
    signal?.throwIfAborted()
    watch.signal.throwIfAborted()
    throw unreachable(origin, model, cause)
  } finally {
    watch.end()
  }
}

/** Aborts its signal when `silence` seconds pass between `begin` and `end`. */
function watchSilence(origin: string, silence: number) {
  const controller = new AbortController()
  let timer: NodeJS.Timeout | undefined
  return {
    signal: controller.signal,
    begin() {
      timer = globalThis.setTimeout(() => controller.abort(silent(origin, silence)), silence * 1000)
    },
    end: () => clearTimeout(timer),
  }
}

/** The chunks of a body. Only the time in which the other side is waited for counts. */
function spoken(
  body: ReadableStream<Uint8Array>,
  watch: ReturnType<typeof watchSilence>,
): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        watch.begin()
        const { done, value } = await reader.read().finally(watch.end)
        if (done) controller.close()
        else controller.enqueue(value)
      },
      // Also for a body of which nothing was read: its connection would stay open.
      async cancel(reason) {
        watch.end()
        // One that has failed already says so again, to a caller who wants none of it.
        await reader.cancel(reason).catch(() => {})
      },
    },
    { highWaterMark: 0 },
  )
}

/** `Retry-After` in seconds, which may also be a date; undefined without a usable one. */
function secondsToWait({ headers }: Response): number | undefined {
  const text = headers.get('retry-after')?.trim()
  if (!text) return undefined
  const seconds = /^\d+$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1000
  return Number.isNaN(seconds) ? undefined : Math.max(0, seconds)
}

function silent(origin: string, silence: number): HubError {
  return new HubError('HUB_TIMEOUT', `the hub at ${origin} has said nothing for ${silence} seconds`, {
    found: silence,
    hint: 'Try again; HF_HUB_DOWNLOAD_TIMEOUT sets how many seconds it may be silent.',
  })
}

/** The system's word for what went wrong with a connection, such as ECONNREFUSED. */
export function connectionFault(error: unknown): string {
  const { cause, message } = error as Error
  return (
    (cause as NodeJS.ErrnoException | undefined)?.code ?? (cause as Error | undefined)?.message ?? message
  )
}

function unreachable(origin: string, model: string, cause: unknown): HubError {
  return new HubError(
    'HUB_UNREACHABLE',
    `the hub at ${origin} could not be reached for "${model}": ${connectionFault(cause)}`,
    {
      cause,
      hint: 'Check the network and HF_ENDPOINT, or give the path of a local model folder.',
    },
  )
}

function refusal(
  { status, headers }: Response,
  origin: string,
  hasToken: boolean,
  request: HubRequest,
  tries: number,
): HubError {
  const { model, revision } = request
  const reason = headers.get('x-error-code')
  if (status === 404 && reason === 'RevisionNotFound') {
    return new HubError('HUB_NOT_FOUND', `"${model}" has no revision "${revision}"`, {
      field: 'revision',
      found: revision,
      hint: 'Check the name of the branch, tag or commit on the page of the model.',
    })
  }
  if (status === 404) {
    return new HubError('HUB_NOT_FOUND', `the hub at ${origin} has no model "${model}" (status 404)`, {
      hint: 'Check the spelling; a local folder must exist and is looked up from the current folder.',
    })
  }
  if (reason === 'GatedRepo') {
    return new HubError('HUB_UNAUTHORIZED', `"${model}" is gated (status ${status})`, {
      field: 'model',
      hint: `Accept its conditions on its page${hasToken ? '' : ', then set HF_TOKEN to a token of that account'}.`,
    })
  }
  if (status === 401 || status === 403) {
    return new HubError('HUB_UNAUTHORIZED', `the hub refuses access to "${model}" (status ${status})`, {
      hint: hasToken
        ? 'Check the id, and that the token in HF_TOKEN is valid and may read this model.'
        : 'Check the id; if the model is private, set HF_TOKEN to a token that may read it.',
    })
  }
  const asked = headers.get('retry-after')
  const wait = asked === null ? '' : `, and asks to wait (Retry-After: ${asked})`
  const times = tries === 1 ? '' : ` after ${tries} tries`
  const message = `the hub at ${origin}, asked for "${model}", answers with status ${status}${times}${wait}`
  return new HubError('HUB_UNAVAILABLE', message, {
    found: status,
    hint:
      status === 429 && !hasToken
        ? 'Try again later; with a token in HF_TOKEN the hub allows more. What was already downloaded is kept.'
        : 'Try again later; what was already downloaded is kept.',
  })
}
