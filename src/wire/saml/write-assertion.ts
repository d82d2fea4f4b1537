// An assertion as an element (Core §2.3.3, Profiles §4.1.4.2). Values have no xsi:type: they are strings without it.
import type { XmlElement } from '../xml/tree.ts'
import { samlLimits } from './limits.ts'
import type { Assertion, Attribute, NameId } from './messages.ts'
import { formatInstant } from './values.ts'
import { bearer, element } from './vocabulary.ts'

export function writeAssertion(assertion: Assertion): XmlElement {
  const { issueInstant, notOnOrAfter, attributes } = assertion
  const validForMs = notOnOrAfter.getTime() - issueInstant.getTime()
  if (!(validForMs > 0 && validForMs <= samlLimits.assertionMs)) {
    throw new RangeError(`an assertion is valid for up to ${samlLimits.assertionMs} ms, not ${validForMs}`)
  }
  return element(
    'saml:Assertion',
    { ID: assertion.id, IssueInstant: formatInstant(issueInstant), Version: '2.0' },
    [
      writeIssuer(assertion.issuer),
      writeSubject(assertion),
      writeConditions(assertion),
      writeAuthnStatement(assertion),
      attributes.length === 0 ? null : element('saml:AttributeStatement', {}, attributes.map(writeAttribute)),
    ],
  )
}

export function writeIssuer(entityId: string): XmlElement {
  return element('saml:Issuer', {}, [entityId])
}

export function writeNameId({ value, format, nameQualifier, spNameQualifier }: NameId): XmlElement {
  return element(
    'saml:NameID',
    { Format: format, NameQualifier: nameQualifier, SPNameQualifier: spNameQualifier },
    [value],
  )
}

function writeSubject({ nameId, recipient, inResponseTo, notOnOrAfter }: Assertion): XmlElement {
  return element('saml:Subject', {}, [
    writeNameId(nameId),
    element('saml:SubjectConfirmation', { Method: bearer }, [
      // No NotBefore here (Profiles §4.1.4.2).
      element('saml:SubjectConfirmationData', {
        InResponseTo: inResponseTo,
        NotOnOrAfter: formatInstant(notOnOrAfter),
        Recipient: recipient,
      }),
    ]),
  ])
}

function writeConditions({ notBefore, notOnOrAfter, audience }: Assertion): XmlElement {
  return element(
    'saml:Conditions',
    { NotBefore: formatInstant(notBefore), NotOnOrAfter: formatInstant(notOnOrAfter) },
    [element('saml:AudienceRestriction', {}, [element('saml:Audience', {}, [audience])])],
  )
}

function writeAuthnStatement(assertion: Assertion): XmlElement {
  const { authnInstant, sessionIndex, sessionNotOnOrAfter, authnContextClassRef } = assertion
  return element(
    'saml:AuthnStatement',
    {
      AuthnInstant: formatInstant(authnInstant),
      SessionIndex: sessionIndex,
      SessionNotOnOrAfter: sessionNotOnOrAfter === null ? null : formatInstant(sessionNotOnOrAfter),
    },
    [element('saml:AuthnContext', {}, [element('saml:AuthnContextClassRef', {}, [authnContextClassRef])])],
  )
}

function writeAttribute({ name, nameFormat, friendlyName, values }: Attribute): XmlElement {
  return element(
    'saml:Attribute',
    { FriendlyName: friendlyName, Name: name, NameFormat: nameFormat },
    values.map((value) => element('saml:AttributeValue', {}, [value])),
  )
}
