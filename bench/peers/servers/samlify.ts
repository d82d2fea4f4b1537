// samlify as an identity provider behind the smallest of web servers: whoever comes is signed in, reads the request, and answers
// with a signed assertion in a signed response. Run by bench/peers/samlify.ts; arguments are the port and what to say as JSON.
import { createServer } from 'node:http'
import samlify from 'samlify'
import { createKeyPair } from '../../../test/support/saml-sp.ts'
import type { SamlTask } from '../samlify.ts'

const [, , port = '', taskText = ''] = process.argv
const { entityId, assertionConsumerService, nameId, attributes } = JSON.parse(taskText) as SamlTask
const url = `http://127.0.0.1:${port}`
const keys = await createKeyPair('bench.example')
const binding = (name: string) => `urn:oasis:names:tc:SAML:2.0:bindings:HTTP-${name}`
const format = 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent'

samlify.setSchemaValidator({ validate: async () => 'not looked at' })

const statement = Object.entries(attributes)
  .map(
    ([name, values]) =>
      `<saml:Attribute Name="${name}" NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:basic">` +
      `${values.map((value) => `<saml:AttributeValue>${value}</saml:AttributeValue>`).join('')}</saml:Attribute>`,
  )
  .join('')
const authentication =
  '<saml:AuthnStatement AuthnInstant="{AuthnInstant}" SessionIndex="{SessionIndex}" SessionNotOnOrAfter="{SessionEnd}"><saml:AuthnContext>' +
  '<saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport</saml:AuthnContextClassRef>' +
  '</saml:AuthnContext></saml:AuthnStatement>'
const template = samlify.SamlLib.defaultLoginResponseTemplate.context
  .replace('{AuthnStatement}', authentication)
  .replace('{AttributeStatement}', `<saml:AttributeStatement>${statement}</saml:AttributeStatement>`)

const idp = samlify.IdentityProvider({
  entityID: `${url}/metadata`,
  privateKey: keys.key,
  signingCert: keys.certificate,
  requestSignatureAlgorithm: 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
  messageSigningOrder: 'sign-then-encrypt',
  nameIDFormat: [format],
  singleSignOnService: [{ Binding: binding('Redirect'), Location: `${url}/sso` }],
  loginResponseTemplate: { context: template, attributes: [] },
})
const sp = samlify.ServiceProvider({
  entityID: entityId,
  authnRequestsSigned: false,
  wantAssertionsSigned: true,
  wantMessageSigned: true,
  nameIDFormat: [format],
  signatureConfig: { prefix: 'ds', location: { reference: "/*/*[local-name(.)='Issuer']", action: 'after' } },
  assertionConsumerService: [{ Binding: binding('POST'), Location: assertionConsumerService }],
})

/** What samlify leaves to its user: identifiers and instants. */
function fill(inResponseTo: string) {
  return (context: string) => {
    const id = idp.entitySetting.generateID?.() ?? ''
    const now = Date.now()
    const at = (ms: number) => new Date(now + ms).toISOString()
    const values = {
      ID: id,
      AssertionID: idp.entitySetting.generateID?.() ?? '',
      Destination: assertionConsumerService,
      SubjectRecipient: assertionConsumerService,
      AssertionConsumerServiceURL: assertionConsumerService,
      Audience: entityId,
      EntityID: entityId,
      Issuer: `${url}/metadata`,
      IssueInstant: at(0),
      StatusCode: 'urn:oasis:names:tc:SAML:2.0:status:Success',
      ConditionsNotBefore: at(-60_000),
      ConditionsNotOnOrAfter: at(240_000),
      SubjectConfirmationDataNotOnOrAfter: at(240_000),
      NameIDFormat: format,
      NameID: nameId,
      InResponseTo: inResponseTo,
      AuthnInstant: at(-1000),
      SessionIndex: `_${id}`,
      SessionEnd: at(36e5),
    }
    return { id, context: samlify.SamlLib.replaceTagsByValue(context, values) }
  }
}

async function respond(query: Readonly<Record<string, string>>): Promise<string> {
  const info = await idp.parseLoginRequest(sp, 'redirect', { query })
  const { id = '' } = (info.extract.request ?? {}) as { id?: string }
  const { context } = await idp.createLoginResponse(sp, { ...info }, 'post', {}, fill(id))
  return (
    `<!doctype html><title>Continue</title><form method="post" action="${assertionConsumerService}">` +
    `<input type="hidden" name="SAMLResponse" value="${context}">` +
    `<input type="hidden" name="RelayState" value="${query.RelayState}"><button>Continue</button></form>`
  )
}

createServer((request, response) => {
  const { searchParams } = new URL(request.url ?? '/', url)
  respond(Object.fromEntries(searchParams)).then(
    (page) => response.writeHead(200, { 'content-type': 'text/html' }).end(page),
    (error: unknown) => response.writeHead(500).end(String(error)),
  )
}).listen(Number(port), '127.0.0.1')
