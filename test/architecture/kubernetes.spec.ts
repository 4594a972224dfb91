import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { Deployment, type IDeployment } from 'kubernetes-models/apps/v1';
import { CronJob, type ICronJob } from 'kubernetes-models/batch/v1';
import { type IPodDisruptionBudget, PodDisruptionBudget } from 'kubernetes-models/policy/v1';
import { ConfigMap, type IConfigMap, type IService, Service } from 'kubernetes-models/v1';
import { parse, parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { sourcesIn } from './sources.js';

/** What can be said of docs/kubernetes without a cluster: the published schemas, and that its parts fit the product. */

const FOLDER = 'docs/kubernetes';
const read = (name: string): string => readFileSync(`${FOLDER}/${name}`, 'utf8');
const zKustomization = z.object({
  resources: z.array(z.string()),
  images: z.array(z.object({ name: z.string(), newTag: z.string() })),
});
const kustomization = zKustomization.parse(parse(read('kustomization.yaml')));
const documents: unknown[] = kustomization.resources.flatMap((file) =>
  parseAllDocuments(read(file)).map((document) => z.json().parse(document.toJS())),
);

const zLabels = z.record(z.string(), z.string());
const zProbe = z.object({ httpGet: z.object({ path: z.string(), port: z.string() }) });
const zContainer = z.object({
  image: z.string(),
  command: z.array(z.string()),
  env: z.array(z.object({ name: z.string(), value: z.string() })),
  ports: z.tuple([z.object({ name: z.string(), containerPort: z.number() })]),
  startupProbe: zProbe,
  livenessProbe: zProbe,
  readinessProbe: zProbe,
  resources: z.object({ requests: zLabels, limits: zLabels }),
  securityContext: z.object({}).loose(),
  volumeMounts: z.array(z.object({ name: z.string(), mountPath: z.string() })),
});
const zDeployment = z.object({
  metadata: z.object({ name: z.string() }),
  spec: z.object({
    replicas: z.number(),
    selector: z.object({ matchLabels: zLabels }),
    template: z.object({
      metadata: z.object({ labels: zLabels }),
      spec: z.object({
        securityContext: z.object({}).loose(),
        containers: z.tuple([zContainer]),
        volumes: z.array(
          z.object({
            name: z.string(),
            secret: z.object({ items: z.array(z.object({ path: z.string() })) }).optional(),
          }),
        ),
      }),
    }),
  }),
});
const zKind = z.object({ apiVersion: z.string(), kind: z.string() });
const of = (kind: string): unknown[] => documents.filter((document) => zKind.parse(document).kind === kind);
const deployments = of('Deployment').map((document) => zDeployment.parse(document));

describe('docs/kubernetes', () => {
  it('follows the schemas of Kubernetes', () => {
    expect(documents.map((document) => zKind.parse(document).kind)).toEqual([
      'ConfigMap',
      'Deployment',
      'Service',
      'PodDisruptionBudget',
      'Deployment',
      'PodDisruptionBudget',
      'CronJob',
    ]);
    for (const document of documents) validate(document);
    // The validator can fail.
    expect(() => {
      validate({ apiVersion: 'v1', kind: 'Service', spec: { ports: [{ port: 'http' }] } });
    }).toThrow();
  });

  it.each(deployments.map((each) => [each.metadata.name, each] as const))('%s fits the product', (_, { spec }) => {
    const { template, selector, replicas } = spec;
    const [container] = template.spec.containers;
    expect(template.metadata.labels).toMatchObject(selector.matchLabels);
    expect(container.image).toBe('ledgerline');
    expect(existsSync((container.command[1] ?? '').replace(/^dist\//, '').replace(/\.js$/, '.ts'))).toBe(true);
    const variables = Object.fromEntries(container.env.map(({ name, value }) => [name, value]));
    const port = variables['LEDGERLINE_PORT'] ?? variables['LEDGERLINE_WORKER_PORT'];
    expect(String(container.ports[0].containerPort)).toBe(port);
    for (const probe of [container.startupProbe, container.livenessProbe, container.readinessProbe])
      expect([container.ports[0].name, true]).toEqual([
        probe.httpGet.port,
        /^\/health\/(live|ready(\?for=reads)?)$/.test(probe.httpGet.path),
      ]);
    // One may be away, and another goes on.
    expect(replicas).toBeGreaterThan(1);
    expect(container.resources).toEqual({ requests: { cpu: '500m', memory: '384Mi' }, limits: { memory: '1Gi' } });
  });

  it('runs without rights: another user than root, a file system that is read-only', () => {
    for (const { spec } of deployments) {
      expect(spec.template.spec.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000 });
      expect(spec.template.spec.containers[0].securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
    }
  });

  it('names only variables that the processes read, and files that are mounted', () => {
    const { data } = z.object({ data: zLabels }).parse(of('ConfigMap')[0]);
    const sources = ['apps', 'libs'].flatMap(sourcesIn).filter(({ path }) => !path.endsWith('.spec.ts'));
    for (const { spec } of deployments) {
      const { containers, volumes } = spec.template.spec;
      const variables = { ...data, ...Object.fromEntries(containers[0].env.map(({ name, value }) => [name, value])) };
      const names = Object.keys(variables).map((name) => name.replace(/_FILE$/, ''));
      expect(names.filter((name) => !sources.some(({ text }) => text.includes(name)))).toEqual([]);
      const folder = containers[0].volumeMounts.find(({ name }) => name === 'secrets')?.mountPath ?? '';
      const mounted = volumes.flatMap(({ secret }) => secret?.items.map(({ path }) => `${folder}/${path}`) ?? []);
      const files = Object.entries(variables).flatMap(([name, value]) => (name.endsWith('_FILE') ? [value] : []));
      expect(files.sort()).toEqual(mounted.sort());
      expect(Object.keys(variables).filter((name) => /SECRET|URL/.test(name) && !name.endsWith('_FILE'))).toEqual([]);
    }
  });

  it('runs the version of the package', () => {
    const { version } = z.object({ version: z.string() }).parse(JSON.parse(readFileSync('package.json', 'utf8')));
    expect(kustomization.images).toEqual([expect.objectContaining({ name: 'ledgerline', newTag: version })]);
  });
});

/** By version and kind. Errors: what the schema does not allow. */
const VALIDATORS: Readonly<Record<string, (document: unknown) => void>> = {
  'apps/v1 Deployment': (document) => {
    new Deployment(z.custom<IDeployment>().parse(document)).validate();
  },
  'batch/v1 CronJob': (document) => {
    new CronJob(z.custom<ICronJob>().parse(document)).validate();
  },
  'v1 Service': (document) => {
    new Service(z.custom<IService>().parse(document)).validate();
  },
  'v1 ConfigMap': (document) => {
    new ConfigMap(z.custom<IConfigMap>().parse(document)).validate();
  },
  'policy/v1 PodDisruptionBudget': (document) => {
    new PodDisruptionBudget(z.custom<IPodDisruptionBudget>().parse(document)).validate();
  },
};

function validate(document: unknown): void {
  const { apiVersion, kind } = zKind.parse(document);
  const validator = VALIDATORS[`${apiVersion} ${kind}`];
  if (validator === undefined) throw new Error(`no schema for ${apiVersion} ${kind}`);
  validator(document);
}
