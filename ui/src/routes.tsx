import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect } from '@tanstack/react-router'
import { Frame, NoSuchPage, PageBroke } from './frame/Frame.tsx'
import { basePath } from './frame/base.ts'
import { part, soundLanguage } from './frame/part.ts'
import { parseSearch, stringifySearch, type Search } from './frame/search.ts'
import { TracesPage } from './traces/TracesPage.tsx'

const root = createRootRoute({
  component: Frame,
  notFoundComponent: NoSuchPage,
  // parseSearch has already left out what it does not know.
  validateSearch: (search: Record<string, unknown>): Search => search as Search,
})

const home = createRoute({
  getParentRoute: () => root,
  path: '/',
  beforeLoad: ({ search }) => {
    throw redirect({ to: '/traces', search, replace: true })
  },
})

const traces = createRoute({ getParentRoute: () => root, path: '/traces', component: TracesPage })

const trace = createRoute({
  getParentRoute: () => root,
  path: '/trace/$traceId',
  component: lazyRouteComponent(
    part(() => import('./trace/TracePage.tsx')),
    'TracePage',
  ),
})

const file = createRoute({
  getParentRoute: () => root,
  path: '/file',
  component: lazyRouteComponent(
    part(() => import('./trace/FilePage.tsx')),
    'FilePage',
  ),
})

const compare = createRoute({
  getParentRoute: () => root,
  path: '/compare/$a/$b',
  component: lazyRouteComponent(
    part(() => import('./compare/ComparePage.tsx')),
    'ComparePage',
  ),
})

const services = createRoute({
  getParentRoute: () => root,
  path: '/services',
  component: lazyRouteComponent(
    part(() => import('./services/ServicesPage.tsx')),
    'ServicesPage',
  ),
})

const service = createRoute({
  getParentRoute: () => root,
  path: '/service/$name',
  component: lazyRouteComponent(
    part(async () => {
      soundLanguage()
      return import('./service/ServicePage.tsx')
    }),
    'ServicePage',
  ),
})

const topology = createRoute({
  getParentRoute: () => root,
  path: '/topology',
  component: lazyRouteComponent(
    part(() => import('./topology/TopologyPage.tsx')),
    'TopologyPage',
  ),
})

const chains = createRoute({
  getParentRoute: () => root,
  path: '/chains',
  component: lazyRouteComponent(
    part(() => import('./topology/ChainsPage.tsx')),
    'ChainsPage',
  ),
})

export const router = createRouter({
  routeTree: root.addChildren([home, traces, trace, file, compare, services, service, topology, chains]),
  basepath: basePath(),
  parseSearch,
  stringifySearch,
  defaultPreload: 'intent',
  defaultErrorComponent: PageBroke,
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
