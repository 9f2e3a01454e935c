import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

export default defineConfig({
  // Relative addresses: the server puts its base path into <base href>, so one build works under any.
  base: './',
  plugins: [react()],
  build: {
    target: ['chrome119', 'firefox121', 'safari17'],
    // Inlined files would be data: URLs, which the content security policy refuses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    rolldownOptions: {
      output: {
        // Apart from the pages, so that a new version of these leaves it in the browsers' caches.
        codeSplitting: {
          groups: [{ name: 'framework', test: /node_modules[\\/](react|react-dom|scheduler|@tanstack)[\\/]/ }],
        },
      },
    },
    reportCompressedSize: false,
  },
  worker: { format: 'es' },
  server: { proxy: { '/api': process.env['WEFT_API'] ?? 'http://127.0.0.1:4320' } },
})
