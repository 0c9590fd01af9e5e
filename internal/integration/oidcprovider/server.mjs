// An OpenID provider for tests: client_credentials grants and RFC 9068 access
// tokens, signed with the algorithm that the requested resource names.
//
//   CLIENT_ID=… CLIENT_SECRET=… node server.mjs [port]
//
// It listens on 127.0.0.1, prints "listening on PORT" when it answers requests,
// and exits on SIGTERM. The environment names its only client; KID_SUFFIX is
// added to the ids of the keys, which are new with every start.
import { createServer } from 'node:http';
import { exportJWK, generateKeyPair } from 'jose';
import { Provider, errors } from 'oidc-provider';

const { CLIENT_ID, CLIENT_SECRET, KID_SUFFIX = '' } = process.env;
if (!CLIENT_ID || !CLIENT_SECRET) throw new Error('CLIENT_ID and CLIENT_SECRET must be set');

const algorithms = new Map([
  ['https://api.example/rs256', 'RS256'],
  ['https://api.example/es256', 'ES256'],
  ['https://api.example/ed25519', 'Ed25519'],
]);

const keys = await Promise.all([...algorithms.values()].map(async (alg) => {
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  return { ...(await exportJWK(privateKey)), alg, use: 'sig', kid: alg.toLowerCase() + KID_SUFFIX };
}));

function getResourceServerInfo(_ctx, audience) {
  const alg = algorithms.get(audience);
  if (!alg) throw new errors.InvalidTarget();
  return { audience, scope: 'read write', accessTokenFormat: 'jwt', accessTokenTTL: 300, jwt: { sign: { alg } } };
}

// The issuer holds the port, so the provider is made once the port is known.
const server = createServer();
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => {
  const { port } = server.address();
  const provider = new Provider(`http://127.0.0.1:${port}`, {
    clients: [{
      client_id: CLIENT_ID,
      client_secret: CLIENT_SECRET,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
    }],
    jwks: { keys },
    scopes: ['read', 'write'],
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: { enabled: true, getResourceServerInfo },
    },
  });
  server.on('request', provider.callback());
  console.log(`listening on ${port}`);
});

process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeAllConnections();
});
