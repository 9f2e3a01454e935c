import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import react from '@vitejs/plugin-react'
import { defineConfig, type Plugin } from 'vite'

/** The letters that every page needs come with the page, so that nothing jumps when they arrive. */
const preloadFonts: Plugin = {
  name: 'preload-fonts',
  transformIndexHtml: {
    order: 'post',
    handler: (_, { bundle }) =>
      Object.keys(bundle ?? {})
        .filter((file) => /inter-latin-wght-normal.*\.woff2$/.test(file))
        .map((file) => ({
          tag: 'link',
          attrs: { rel: 'preload', as: 'font', type: 'font/woff2', href: `./${file}`, crossorigin: '' },
          injectTo: 'head',
        })),
  },
}

/** Compressed once here instead of at each request: three times fewer bytes for who is not on this machine. */
const compressed: Plugin = {
  name: 'compressed',
  async writeBundle({ dir = '' }, bundle) {
    for (const [file, output] of Object.entries(bundle)) {
      if (!/\.(?:js|css)$/.test(file)) continue
      const text = output.type === 'chunk' ? output.code : output.source
      await writeFile(join(dir, `${file}.gz`), gzipSync(text, { level: 9 }))
    }
  },
}

export default defineConfig({
  // Relative addresses: the server puts its base path into <base href>, so one build works under any.
  base: './',
  plugins: [react(), preloadFonts, compressed],
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
