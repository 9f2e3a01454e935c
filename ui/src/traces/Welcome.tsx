import { Tabs } from '@base-ui/react/tabs'
import { useQuery } from '@tanstack/react-query'
import { configQuestion, retentionQuestion } from '../api/questions.ts'
import { Copy } from '../design/Copy.tsx'
import { Failed } from '../design/State.tsx'
import { snippets, type Snippet } from './snippets.ts'

const lookEveryMs = 2000

/** No span has ever arrived: how to send some. It looks for the first one; the page around it then takes over. */
export function Welcome() {
  const { data, error, refetch } = useQuery(configQuestion)
  useQuery({ ...retentionQuestion, refetchInterval: lookEveryMs })
  if (error !== null) return <Failed error={error} what="this server's addresses" onRetry={() => void refetch()} />
  if (data === undefined) return null
  const http = data.otlpHttp ?? 'http://localhost:4318'
  const grpc = data.otlpGrpc ?? 'http://localhost:4317'
  const groups = snippets({ http, grpc, ui: document.baseURI })
  return (
    <div className="welcome">
      <h1 className="welcome-title">Send the first trace</h1>
      <p className="muted">
        Start a program with Weft’s agent or any OpenTelemetry SDK, or let a proxy trace. Nothing has arrived yet; this
        page shows the first trace as soon as it does.
      </p>
      <p className="welcome-wait" role="status">
        <span className="welcome-pulse" aria-hidden="true" />
        Waiting for the first span
      </p>
      <dl className="welcome-addresses">
        <div>
          <dt>OTLP over HTTP</dt>
          <dd>
            <code>{http}</code>
            <Copy what={() => http} label="Copy the OTLP/HTTP address" />
          </dd>
        </div>
        <div>
          <dt>OTLP over gRPC</dt>
          <dd>
            <code>{grpc}</code>
            <Copy what={() => grpc} label="Copy the OTLP/gRPC address" />
          </dd>
        </div>
      </dl>
      <Tabs.Root className="welcome-ways" defaultValue="Node.js" orientation="vertical">
        <Tabs.List aria-label="Programs and proxies">
          {groups.map((group) => (
            <div key={group.name} className="welcome-group">
              <div className="welcome-group-name" aria-hidden="true">
                {group.name}
              </div>
              {group.snippets.map(({ name }) => (
                <Tabs.Tab key={name} value={name} className="welcome-way">
                  {name}
                </Tabs.Tab>
              ))}
            </div>
          ))}
        </Tabs.List>
        {groups
          .flatMap((group) => group.snippets)
          .map((snippet) => (
            <Tabs.Panel key={snippet.name} value={snippet.name} className="welcome-panel">
              <Way snippet={snippet} />
            </Tabs.Panel>
          ))}
      </Tabs.Root>
      <p className="muted">
        No program at hand? In Weft’s own folder <code>npm run demo</code> opens a shop of nine services, with
        customers.
      </p>
    </div>
  )
}

function Way({ snippet: { name, blocks, note } }: { readonly snippet: Snippet }) {
  return (
    <>
      <p className="muted">{note}</p>
      {blocks.map(({ place, code }) => (
        <figure key={place} className="welcome-code">
          <figcaption className="welcome-place">
            {place}
            <Copy what={() => code} label={`Copy ${place} for ${name}`} />
          </figcaption>
          <pre tabIndex={0} aria-label={`${place} for ${name}`}>
            <code>{code}</code>
          </pre>
        </figure>
      ))}
    </>
  )
}
