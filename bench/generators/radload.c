/* A bounded RADIUS load generator: PAP, a random user each time, Message-Authenticator first, a Request Authenticator of
 * its own for every request (so that no answer comes from a duplicate cache). Replies count only when their Response
 * Authenticator, and their Message-Authenticator if they have one, are right.
 *
 *   radload --port P --secret S --users N --user u###### --password PATTERN [--nas-identifier vpn]
 *           [--sockets 8] [--depth 32] [--seconds 5] [--warmup 1] [--timeout-ms 1000]
 *           [--once]     each user once, in order, and then no more; within --seconds
 */
#include "load.h"
#include "md5.h"
#include <getopt.h>

enum { IDENTIFIERS = 256, PACKET_SIZE = 4096, HEADER = 20 };
enum { ACCESS_REQUEST = 1, USER_NAME = 1, USER_PASSWORD = 2, NAS_IP_ADDRESS = 4, NAS_IDENTIFIER = 32, MESSAGE_AUTHENTICATOR = 80 };

typedef struct {
  bool busy;
  uint64_t sent_us;
  unsigned char authenticator[16];
} request;

typedef struct {
  int fd, in_flight, next;
  request requests[IDENTIFIERS];
} client;

static struct {
  const char *host, *secret, *user, *password, *nas_identifier;
  long port, users, sockets, depth, seconds, warmup, timeout_ms;
  bool once;
} options = {"127.0.0.1", "", "u######", "", NULL, 0, 1, 8, 32, 5, 1, 1000, false};

/* With --once: the next user. */
static long next_user;

static tally seen;
static uint64_t forged, unsigned_replies, late;
static bool measuring;
static md5 after_secret;
static hmac_md5 signer;

static unsigned char *put_attribute(unsigned char *at, unsigned char type, const void *value, size_t length) {
  if (length > 253) die("attribute %d is too long", type);
  at[0] = type;
  at[1] = (unsigned char)(length + 2);
  memcpy(at + 2, value, length);
  return at + 2 + length;
}

/* RFC 2865 section 5.2: blocks of 16, each hidden by MD5(secret + the block before it). */
static unsigned char *put_password(unsigned char *at, const char *password, size_t length, const unsigned char *authenticator) {
  unsigned char hidden[128] = {0}, pad[16];
  size_t blocks = length == 0 ? 1 : (length + 15) / 16;
  if (length > sizeof hidden) die("password too long");
  memcpy(hidden, password, length);
  const unsigned char *before = authenticator;
  for (size_t block = 0; block < blocks; block++) {
    md5 m = after_secret;
    md5_add(&m, before, 16);
    md5_end(&m, pad);
    for (size_t i = 0; i < 16; i++) hidden[block * 16 + i] ^= pad[i];
    before = hidden + block * 16;
  }
  return put_attribute(at, USER_PASSWORD, hidden, blocks * 16);
}

/* code, identifier, length (2), Request Authenticator (16), attributes. Returns the length. */
static size_t build(unsigned char *packet, unsigned char identifier, request *r) {
  static const unsigned char zeros[16], nas_address[4] = {127, 0, 0, 1};
  char user[254], password[254];
  long number = options.once ? next_user++ : (long)(random_u64() % (uint64_t)options.users);
  size_t user_length = expand(user, sizeof user, options.user, number);
  size_t password_length = expand(password, sizeof password, options.password, number);
  uint64_t random[2] = {random_u64(), random_u64()};
  memcpy(r->authenticator, random, 16);
  packet[0] = ACCESS_REQUEST;
  packet[1] = identifier;
  memcpy(packet + 4, r->authenticator, 16);
  unsigned char *at = put_attribute(packet + HEADER, MESSAGE_AUTHENTICATOR, zeros, 16);
  at = put_attribute(at, USER_NAME, user, user_length);
  at = put_password(at, password, password_length, r->authenticator);
  at = put_attribute(at, NAS_IP_ADDRESS, nas_address, 4);
  if (options.nas_identifier != NULL)
    at = put_attribute(at, NAS_IDENTIFIER, options.nas_identifier, strlen(options.nas_identifier));
  size_t length = (size_t)(at - packet);
  packet[2] = (unsigned char)(length >> 8);
  packet[3] = (unsigned char)length;
  hmac_md5_sign(signer, packet, length, packet + HEADER + 2); /* RFC 3579 section 3.2 */
  return length;
}

static unsigned char *find_attribute(unsigned char *packet, size_t length, unsigned char type) {
  for (size_t at = HEADER; at + 2 <= length; at += packet[at + 1]) {
    if (packet[at + 1] < 2 || at + packet[at + 1] > length) return NULL;
    if (packet[at] == type) return packet + at;
  }
  return NULL;
}

/* Was the reply made by someone who knows the secret? RFC 2865 section 3: MD5(code to length, Request Authenticator,
 * attributes, secret). Overwrites the authenticators in `packet`. */
static bool is_genuine(unsigned char *packet, size_t length, const request *r) {
  unsigned char shown[16], digest[16], signature[16];
  memcpy(shown, packet + 4, 16);
  memcpy(packet + 4, r->authenticator, 16);
  md5 m = md5_begin();
  md5_add(&m, packet, length);
  md5_add(&m, options.secret, strlen(options.secret));
  md5_end(&m, digest);
  if (memcmp(shown, digest, 16) != 0) return false;
  unsigned char *attribute = find_attribute(packet, length, MESSAGE_AUTHENTICATOR);
  if (attribute == NULL || attribute[1] != 18) {
    unsigned_replies++;
    return attribute == NULL;
  }
  memcpy(signature, attribute + 2, 16);
  memset(attribute + 2, 0, 16);
  hmac_md5_sign(signer, packet, length, digest);
  return memcmp(signature, digest, 16) == 0;
}

static void receive(client *c) {
  unsigned char packet[PACKET_SIZE];
  ssize_t got;
  while ((got = recv(c->fd, packet, sizeof packet, 0)) >= HEADER) {
    request *r = &c->requests[packet[1]];
    size_t length = (size_t)(packet[2] << 8 | packet[3]);
    if (!r->busy) {
      late++;
      continue;
    }
    unsigned char code = packet[0];
    if (length < HEADER || length > (size_t)got || !is_genuine(packet, length, r)) {
      forged++;
      continue;
    }
    r->busy = false;
    c->in_flight--;
    if (!measuring) continue;
    seen.operations++;
    seen.codes[code]++;
    record_latency(&seen.latency, now_us() - r->sent_us);
  }
  if (got < 0 && errno == ECONNREFUSED) die("nothing listens on port %ld", options.port);
}

/* Keeps `depth` requests in flight; identifiers are used in turn, so that each rests as long as possible. */
static void fill(client *c) {
  for (int tries = 0; tries < IDENTIFIERS && c->in_flight < options.depth; tries++) {
    unsigned char packet[PACKET_SIZE];
    int identifier = c->next;
    request *r = &c->requests[identifier];
    c->next = (c->next + 1) % IDENTIFIERS;
    if (r->busy) continue;
    if (options.once && next_user >= options.users) return;
    size_t length = build(packet, (unsigned char)identifier, r);
    r->sent_us = now_us();
    if (send(c->fd, packet, length, 0) != (ssize_t)length) {
      if (errno == ECONNREFUSED) die("nothing listens on port %ld", options.port);
      return;
    }
    r->busy = true;
    c->in_flight++;
  }
}

static bool all_done(const client *clients) {
  if (!options.once || next_user < options.users) return false;
  for (int i = 0; i < options.sockets; i++)
    if (clients[i].in_flight > 0) return false;
  return true;
}

static void expire(client *c) {
  uint64_t at_us = now_us(); /* not older than any request, or the difference below would wrap */
  for (int i = 0; i < IDENTIFIERS; i++) {
    request *r = &c->requests[i];
    if (!r->busy || at_us - r->sent_us < (uint64_t)options.timeout_ms * 1000) continue;
    r->busy = false;
    c->in_flight--;
    if (measuring) seen.timeouts++;
  }
}

static void open_client(client *c, int poller) {
  struct sockaddr_in address = loopback_address(options.host, options.port);
  c->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  if (connect(c->fd, (struct sockaddr *)&address, sizeof address) != 0) die("connect: %s", strerror(errno));
  struct epoll_event interest = {.events = EPOLLIN, .data.ptr = c};
  epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &interest);
}

static void parse_options(int count, char **values) {
  static const struct option table[] = {
      {"host", 1, 0, 'h'},    {"port", 1, 0, 'p'},   {"secret", 1, 0, 's'},  {"users", 1, 0, 'n'},
      {"user", 1, 0, 'U'},    {"password", 1, 0, 'P'}, {"sockets", 1, 0, 'c'}, {"depth", 1, 0, 'd'},
      {"seconds", 1, 0, 't'}, {"warmup", 1, 0, 'u'}, {"timeout-ms", 1, 0, 'o'}, {"nas-identifier", 1, 0, 'i'},
      {"once", 0, 0, '1'},
      {0}};
  int option;
  while ((option = getopt_long(count, values, "", table, NULL)) != -1) switch (option) {
      case 'h': options.host = optarg; break;
      case 'p': options.port = number_option("port", optarg, 1, 65535); break;
      case 's': options.secret = optarg; break;
      case 'n': options.users = number_option("users", optarg, 1, 100000000); break;
      case 'U': options.user = optarg; break;
      case 'P': options.password = optarg; break;
      case 'c': options.sockets = number_option("sockets", optarg, 1, MAX_CONNECTIONS); break;
      case 'd': options.depth = number_option("depth", optarg, 1, IDENTIFIERS / 2); break;
      case 't': options.seconds = number_option("seconds", optarg, 1, MAX_SECONDS); break;
      case 'u': options.warmup = number_option("warmup", optarg, 0, MAX_SECONDS); break;
      case 'o': options.timeout_ms = number_option("timeout-ms", optarg, 10, 60000); break;
      case 'i': options.nas_identifier = optarg; break;
      case '1': options.once = true; break;
      default: exit(2);
    }
  if (options.port == 0 || *options.secret == 0) die("--port and --secret are needed");
  after_secret = md5_begin();
  md5_add(&after_secret, options.secret, strlen(options.secret));
  signer = hmac_md5_key((const unsigned char *)options.secret, strlen(options.secret));
}

int main(int count, char **values) {
  parse_options(count, values);
  int poller = epoll_create1(0);
  client *clients = calloc((size_t)options.sockets, sizeof *clients);
  if (clients == NULL) die("out of memory");
  for (int i = 0; i < options.sockets; i++) open_client(&clients[i], poller);
  for (int i = 0; i < options.sockets; i++) fill(&clients[i]);

  uint64_t start = now_us() + (uint64_t)options.warmup * 1000000, end = start + (uint64_t)options.seconds * 1000000;
  uint64_t now, expired = now_us();
  double cpu_start = 0;
  struct epoll_event events[64];
  while ((now = now_us()) < end && !all_done(clients)) {
    if (!measuring && now >= start) {
      measuring = true;
      start = now;
      cpu_start = cpu_seconds();
    }
    int ready = epoll_wait(poller, events, 64, 20);
    for (int i = 0; i < ready; i++) {
      receive(events[i].data.ptr);
      fill(events[i].data.ptr);
    }
    if (now - expired < 100000) continue;
    expired = now;
    for (int i = 0; i < options.sockets; i++) {
      expire(&clients[i]);
      fill(&clients[i]);
    }
  }
  char extra[160];
  snprintf(extra, sizeof extra, ",\"forged\":%lu,\"withoutMessageAuthenticator\":%lu,\"late\":%lu", forged, unsigned_replies, late);
  report(&seen, now - start, cpu_seconds() - cpu_start, extra);
  return 0;
}
