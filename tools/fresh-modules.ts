import { vi } from 'vitest'

/** Runs before each test file. Files that share a process do not share what modules hold: registries, folders, threads. */
vi.resetModules()
