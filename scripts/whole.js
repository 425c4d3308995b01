// What a plain `npm test` leaves to `TIDELOG_WHOLE=1`, to CI and to the long set, so that it takes four minutes and not ten.
// No requirement is proven here alone: each of these has a shorter test of the same rule elsewhere.
export const wholeOnly = [
  // In the browser, what runs in Node as well, test by test.
  'test/browser/consumers.test.ts',
  'test/browser/read-models.test.ts',
  // A thousand rounds, or workers that are ended again and again.
  'test/browser/blocking.test.ts',
  'test/browser/boundary-devices.test.ts',
  'test/browser/boundary-race.test.ts',
  'test/browser/boundary-writers.test.ts',
  'test/browser/faults-storage.test.ts',
  'test/browser/read-model-workers.test.ts',
  'test/browser/replica.test.ts',
  'test/browser/storage-entry.test.ts',
  'test/browser/storage.test.ts',
  // Browsers with profiles of their own, frozen, cloned and updated.
  'test/e2e/cloned-profile.test.ts',
  'test/e2e/leader.test.ts',
  'test/e2e/life.test.ts',
  'test/e2e/other-server.test.ts',
  'test/e2e/two-builds.test.ts',
  // Servers in processes of their own that are killed, stopped and filled.
  'server/cli/backup.test.ts',
  'server/cli/shutdown.test.ts',
  'server/log/crash.test.ts',
  'server/storm.test.ts',
  'test/cli-devices.test.ts',
  // Random inputs, histories and weather.
  'test/decided-again.property.test.ts',
  'test/fuzz-notice.test.ts',
  'test/fuzz-segments.test.ts',
  'test/fuzz-stored.test.ts',
  'test/fuzz-wire.test.ts',
  'test/lifecycle.property.test.ts',
  'test/sim.test.ts',
  // Every corner of the demo.
  'test/e2e/accessibility-busy.test.ts',
  'test/e2e/demo-engine.test.ts',
  'test/e2e/demo-read-models.test.ts',
  'test/e2e/harbour-book.test.ts',
  'test/e2e/subscriptions.test.ts',
]
