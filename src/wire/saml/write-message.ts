// Messages that we send, as XML text. Logout messages are signed here for the POST binding; for the redirect binding
// the query is signed instead (Bindings §3.4.4.1), so there they are written without a signer.
import type { XmlElement } from '../xml/tree.ts'
import { type AttributeValues, asSent, canonical } from '../xml/write.ts'
import { type Encryption, encryptAssertion } from './encrypt.ts'
import type { Envelope, LogoutRequest, LogoutResponse, Response, Signer, Status } from './messages.ts'
import { signElement } from './sign.ts'
import { formatInstant } from './values.ts'
import { element, statusCodes } from './vocabulary.ts'
import { writeAssertion, writeIssuer, writeNameId } from './write-assertion.ts'

/**
 * The Response, signed, and in it the assertion, signed by itself as well: some service providers look at one signature,
 * some at the other.
 */
export async function formatResponse(
  response: Response,
  signer: Signer,
  encryption: Encryption | null = null,
): Promise<string> {
  const { assertion, inResponseTo, status } = response
  if ((assertion !== null) !== (status.code === statusCodes.success)) {
    throw new Error('a response has an assertion where its status is success, and only there')
  }
  const signed = assertion === null ? null : await signElement(writeAssertion(assertion), signer)
  const enclosed = signed === null || encryption === null ? signed : encryptAssertion(signed, encryption)
  const unsigned = element('samlp:Response', envelope(response, { InResponseTo: inResponseTo }), [
    writeIssuer(response.issuer),
    writeStatus(status),
    enclosed,
  ])
  return asSent(canonical(await signElement(unsigned, signer)))
}

export async function formatLogoutRequest(
  request: Omit<LogoutRequest, 'kind'>,
  signer: Signer | null,
): Promise<string> {
  const { notOnOrAfter, reason, sessionIndexes } = request
  const own = {
    NotOnOrAfter: notOnOrAfter === null ? null : formatInstant(notOnOrAfter),
    Reason: reason,
  }
  const unsigned = element('samlp:LogoutRequest', envelope(request, own), [
    writeIssuer(request.issuer),
    writeNameId(request.nameId),
    ...sessionIndexes.map((each) => element('samlp:SessionIndex', {}, [each])),
  ])
  return asSent(canonical(signer === null ? unsigned : await signElement(unsigned, signer)))
}

export async function formatLogoutResponse(
  response: Omit<LogoutResponse, 'kind'>,
  signer: Signer | null,
): Promise<string> {
  const unsigned = element(
    'samlp:LogoutResponse',
    envelope(response, { InResponseTo: response.inResponseTo }),
    [writeIssuer(response.issuer), writeStatus(response.status)],
  )
  return asSent(canonical(signer === null ? unsigned : await signElement(unsigned, signer)))
}

function envelope({ id, issueInstant, destination }: Envelope, own: AttributeValues): AttributeValues {
  return {
    ...own,
    Destination: destination,
    ID: id,
    IssueInstant: formatInstant(issueInstant),
    Version: '2.0',
  }
}

function writeStatus({ code, subcode, message }: Status): XmlElement {
  const below = subcode === null ? [] : [element('samlp:StatusCode', { Value: subcode })]
  return element('samlp:Status', {}, [
    element('samlp:StatusCode', { Value: code }, below),
    message === null ? null : element('samlp:StatusMessage', {}, [message]),
  ])
}
