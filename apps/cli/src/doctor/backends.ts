import { type InstalledBackend, installedBackends } from 'hfquant'

/** The backends that come with hfquant; one that cannot be imported has a problem. */
export async function checkBackends(): Promise<readonly InstalledBackend[]> {
  const backends = await installedBackends()
  return backends.map(({ problem, ...backend }) =>
    problem === undefined
      ? backend
      : { ...backend, problem: `${backend.packageName} cannot be imported: ${problem}` },
  )
}
