/** The release of Ollama whose API is followed: clients look for what a server can do by it. */
export const OLLAMA_VERSION = '0.12.11'

export const isOllamaPath = (url: string): boolean => /^\/api(\/|\?|$)/.test(url)

/** Why a path of Ollama's API is none of this server's. */
export function ollamaNotOffered(url: string): string {
  if (/^\/api\/(create|copy|delete|push|blobs)\b/.test(url))
    return 'models are those that the server was started with; requests do not change them'
  if (/^\/api\/embeddings\b/.test(url)) return 'the older route for embeddings is not offered; use /api/embed'
  return 'there is nothing at that path'
}
