import '@fontsource-variable/inter/wght.css'
import '@fontsource-variable/jetbrains-mono/wght.css'
import './design/tokens.css'
import './design/base.css'
import './design/parts.css'
import './design/list.css'
import { CSPProvider } from '@base-ui/react/csp-provider'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { ApiError } from './api/client.ts'
import { startTheme } from './frame/theme.ts'
import { router } from './routes.tsx'

/** So often a page asks again while the server or its store is away. */
const askAgainMs = 5000

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      // Every question carries the moment it was asked for; only a refresh asks anew.
      staleTime: Infinity,
      refetchOnWindowFocus: false,
      retry: (failures, error) => failures < 1 && error instanceof ApiError && error.status === 0,
      retryDelay: 500,
      refetchInterval: ({ state: { error } }) => (error instanceof ApiError && error.away ? askAgainMs : false),
      networkMode: 'always',
    },
  },
})

startTheme()
const place = document.getElementById('root')
if (place === null) throw new Error('BUG: index.html has no #root')
createRoot(place).render(
  <StrictMode>
    {/* The content security policy allows no <style> elements. */}
    <CSPProvider disableStyleElements>
      <QueryClientProvider client={queries}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </CSPProvider>
  </StrictMode>,
)
