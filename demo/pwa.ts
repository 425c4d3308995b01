import { showUpdateBanner } from './ui/banner.ts'

/** Installs the service worker of a built page. Everything but opening the page offline works without it. */
export async function registerServiceWorker(): Promise<void> {
  if (!import.meta.env.PROD || !('serviceWorker' in navigator)) return
  const { serviceWorker } = navigator
  let asked = false
  const hadController = serviceWorker.controller !== null
  serviceWorker.addEventListener('controllerchange', () => {
    if (asked) location.reload()
    // Another tab took the new version: this page goes on with its own files until its visitor reloads.
    else if (hadController) showUpdateBanner(() => location.reload())
  })
  try {
    const registration = await serviceWorker.register(`${import.meta.env.BASE_URL}sw.js`)
    const offer = (): void => {
      if (registration.waiting === null || serviceWorker.controller === null) return
      showUpdateBanner(() => {
        asked = true
        // Another tab may have let the new version in meanwhile: then it is only a reload away.
        if (registration.waiting) registration.waiting.postMessage('take-over')
        else location.reload()
      })
    }
    registration.addEventListener('updatefound', () => registration.installing?.addEventListener('statechange', offer))
    offer()
    // A shop left open for days hears of new versions when its visitor comes back.
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') registration.update().catch(() => {})
    })
  } catch {
    // A private window, or storage full: the page goes on as in a browser without service workers.
  }
}
