// Metadata (saml-metadata-2.0): what a service provider says of itself, read; what we say of ourselves, written.
import { parseXml } from '../xml/parse.ts'
import { attributeOf, childrenNamed, descendants, is, textOf, type XmlElement } from '../xml/tree.ts'
import { canonical } from '../xml/write.ts'
import { type Certificate, parseCertificate } from './certificates.ts'
import { metadataLimits, samlLimits } from './limits.ts'
import type {
  AssertionConsumerService,
  IdentityProvider,
  ServiceProvider,
  SingleLogoutService,
} from './messages.ts'
import { refuse } from './problems.ts'
import { optional, parseBoolean, parseEndpoint, parseIndex, parseInstant, parseUri } from './values.ts'
import { bindings, element, namespaces, samlProtocol } from './vocabulary.ts'

const { md, ds } = namespaces

/**
 * Reads an EntityDescriptor, or an EntitiesDescriptor with one service provider in it. Signatures are not looked at:
 * whoever registers the document vouches for it. Throws WireError; `explain` has a sentence for each code.
 */
export function parseMetadata(bytes: Uint8Array): ServiceProvider {
  const root = parseXml(bytes, metadataLimits)
  const { entity, sp } = findServiceProvider(root)
  const entityId = attributeOf(entity, 'entityID') ?? refuse('metadata-no-entity-id', entity)
  const certificates = readCertificates(sp)
  const validUntil = [root, entity, sp]
    .map((each) => optional(each, 'validUntil', parseInstant))
    .filter((each) => each !== null)
  return {
    entityId: parseUri(entityId, entity),
    assertionConsumerServices: readAssertionConsumerServices(sp),
    singleLogoutServices: childrenNamed(sp, md, 'SingleLogoutService').flatMap(readSingleLogoutService),
    signingCertificates: certificates.filter(({ use }) => use !== 'encryption').map(({ pem }) => pem),
    encryptionCertificates: certificates
      .filter(({ use, keyType }) => use !== 'signing' && keyType === 'rsa')
      .map(({ pem }) => pem),
    authnRequestsSigned: optional(sp, 'AuthnRequestsSigned', parseBoolean) ?? false,
    wantAssertionsSigned: optional(sp, 'WantAssertionsSigned', parseBoolean) ?? false,
    nameIdFormats: childrenNamed(sp, md, 'NameIDFormat').map((each) => parseUri(textOf(each), each)),
    validUntil: validUntil.length === 0 ? null : new Date(Math.min(...validUntil.map(Number))),
  }
}

function findServiceProvider(root: XmlElement): { entity: XmlElement; sp: XmlElement } {
  if (root.namespace !== md || !/^Entit(?:y|ies)Descriptor$/.test(root.name)) {
    refuse('metadata-not-entity', root)
  }
  const found = [...descendants(root)]
    .filter((each) => is(each, md, 'EntityDescriptor'))
    .flatMap((entity) => {
      return childrenNamed(entity, md, 'SPSSODescriptor')
        .filter(speaksSaml2)
        .map((sp) => ({ entity, sp }))
    })
  const [first, second] = found
  if (second !== undefined) refuse('metadata-many-sps', second.sp)
  return first ?? refuse('metadata-no-sp', root)
}

function speaksSaml2(sp: XmlElement): boolean {
  return (attributeOf(sp, 'protocolSupportEnumeration') ?? '').split(/\s+/).includes(samlProtocol)
}

/** Metadata §2.4.4: the default is the first that says it is, else the first that does not say it is not. */
function readAssertionConsumerServices(sp: XmlElement): readonly AssertionConsumerService[] {
  const services = childrenNamed(sp, md, 'AssertionConsumerService')
    .filter((each) => attributeOf(each, 'Binding') === bindings.post)
    .map((each) => ({
      index: optional(each, 'index', parseIndex),
      location: parseEndpoint(attributeOf(each, 'Location') ?? refuse('attribute-missing', each), each),
      saysDefault: optional(each, 'isDefault', parseBoolean),
      at: each,
    }))
  const indexes = new Set<number>()
  for (const { index, at } of services) {
    if (index === null) continue
    if (indexes.has(index)) refuse('metadata-acs-repeated', at)
    indexes.add(index)
  }
  const byDefault =
    services.find(({ saysDefault }) => saysDefault === true) ??
    services.find(({ saysDefault }) => saysDefault === null) ??
    services[0] ??
    refuse('metadata-no-acs', sp)
  return [byDefault, ...services.filter((each) => each !== byDefault)].map(({ index, location }, at) => {
    return { index, location, isDefault: at === 0 }
  })
}

function readSingleLogoutService(service: XmlElement): readonly SingleLogoutService[] {
  const uri = attributeOf(service, 'Binding')
  const binding = uri === bindings.redirect ? 'redirect' : uri === bindings.post ? 'post' : null
  if (binding === null) return []
  const location = optional(service, 'Location', parseEndpoint) ?? refuse('attribute-missing', service)
  const responseLocation = optional(service, 'ResponseLocation', parseEndpoint) ?? location
  return [{ binding, location, responseLocation }]
}

interface UsedCertificate extends Certificate {
  /** Null: for both. */
  readonly use: string | null
}

function readCertificates(sp: XmlElement): readonly UsedCertificate[] {
  const found = childrenNamed(sp, md, 'KeyDescriptor').flatMap((descriptor) => {
    const use = attributeOf(descriptor, 'use')
    return [...descendants(descriptor)]
      .filter((each) => is(each, ds, 'X509Certificate'))
      .map((each) => ({ use, at: each }))
  })
  if (found.length > samlLimits.certificates) {
    refuse('metadata-too-many-certificates', found[samlLimits.certificates]?.at)
  }
  return found.map(({ use, at }) => ({ ...parseCertificate(textOf(at), at), use }))
}

/** Our own EntityDescriptor, in canonical form. */
export function formatMetadata(idp: IdentityProvider): string {
  const keys = idp.signingCertificates.map((pem) => {
    const certificate = element('ds:X509Certificate', {}, [parseCertificate(pem).base64])
    const keyInfo = element('ds:KeyInfo', {}, [element('ds:X509Data', {}, [certificate])])
    return element('md:KeyDescriptor', { use: 'signing' }, [keyInfo])
  })
  // Metadata §2.4.1-2.4.3: in this order.
  const descriptor = element(
    'md:IDPSSODescriptor',
    {
      WantAuthnRequestsSigned: String(idp.wantAuthnRequestsSigned),
      protocolSupportEnumeration: samlProtocol,
    },
    [
      ...keys,
      ...endpoints('md:SingleLogoutService', idp.singleLogoutUrl),
      ...idp.nameIdFormats.map((format) => element('md:NameIDFormat', {}, [format])),
      ...endpoints('md:SingleSignOnService', idp.singleSignOnUrl),
    ],
  )
  return canonical(element('md:EntityDescriptor', { entityID: idp.entityId }, [descriptor]))
}

function endpoints(name: `md:${string}`, location: string): readonly XmlElement[] {
  return [bindings.redirect, bindings.post].map((binding) => {
    return element(name, { Binding: binding, Location: location })
  })
}
