import { HubError } from './errors.js'
import type { HubSettings } from './hub-settings.js'

/** What is being asked for, for messages. */
export interface HubRequest {
  readonly model: string
  readonly revision: string
  readonly signal: AbortSignal | undefined
}

/**
 * A `fetch` for the hub: sends the token to the hub only (a redirect elsewhere does not carry it), can be stopped, and
 * turns every refusal into a typed error.
 */
export function hubFetch({ endpoint, token }: HubSettings, request: HubRequest): typeof fetch {
  const { origin } = new URL(endpoint)
  return async (input, init) => {
    const url = input instanceof Request ? input.url : String(input)
    const headers = new Headers(init?.headers)
    if (token !== undefined && new URL(url).origin === origin) headers.set('authorization', `Bearer ${token}`)
    let response: Response
    try {
      response = await fetch(url, { ...init, headers, signal: request.signal ?? null })
    } catch (cause) {
      request.signal?.throwIfAborted()
      throw unreachable(origin, cause)
    }
    if (response.ok) return response
    await response.body?.cancel()
    throw refusal(response, origin, token !== undefined, request)
  }
}

/** The system's word for what went wrong with a connection, such as ECONNREFUSED. */
export function connectionFault(error: unknown): string {
  const { cause, message } = error as Error
  return (
    (cause as NodeJS.ErrnoException | undefined)?.code ?? (cause as Error | undefined)?.message ?? message
  )
}

function unreachable(origin: string, cause: unknown): HubError {
  return new HubError(
    'HUB_UNREACHABLE',
    `the hub at ${origin} could not be reached: ${connectionFault(cause)}`,
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
): HubError {
  const { model, revision } = request
  const reason = headers.get('x-error-code')
  if (status === 404 && reason === 'RevisionNotFound') {
    return new HubError('HUB_NOT_FOUND', `"${model}" has no revision "${revision}"`, {
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
  return new HubError('HUB_UNAVAILABLE', `the hub at ${origin} answers with status ${status}`, {
    found: status,
    hint: 'Try again later; what was already downloaded is kept.',
  })
}
