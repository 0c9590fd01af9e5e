#!/usr/bin/env bash
# The certified OpenID provider that package auth is tested against.
. "$(dirname "$0")/../lib.sh"

command -v npm >/dev/null || die "   oidc-provider needs node and npm"
npm_ci internal/integration/oidcprovider
echo "   oidc-provider $(node -p 'require("./internal/integration/oidcprovider/node_modules/oidc-provider/package.json").version')"
