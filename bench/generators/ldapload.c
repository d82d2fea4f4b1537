/* A bounded LDAP load generator. Searches (an equality search, or with --scope base a read of one entry, for a random user
 * each time) or simple binds (one in flight per connection). Every search must find exactly the entry it asked for;
 * whatever else comes is counted as a mismatch.
 *
 *   ldapload --port P --mode search|bind --users N [--connections 8] [--depth 8] [--seconds 5] [--warmup 1]
 *            --base DN --filter-attribute uid --value u######          what is searched; --value also stands in its DN
 *            --attributes cn,mail,memberOf [--scope sub|base]          base: reads the entry --base, for (objectClass=*)
 *            --bind-dn DN --bind-password PW                           how each connection binds before searching
 *            --dn uid=u######,ou=users,DC --password PW                how the bind mode binds
 *            [--once]                                                  each user once, in order; within --seconds
 */
#include "load.h"
#include <getopt.h>
#include <netinet/tcp.h>

enum { MAX_DEPTH = 64, IN_SIZE = 1 << 18, OUT_SIZE = 1 << 16, MESSAGE_SIZE = 2048 };
enum { BIND_REQUEST = 0x60, BIND_RESPONSE = 0x61, SEARCH_REQUEST = 0x63, SEARCH_ENTRY = 0x64, SEARCH_DONE = 0x65 };

typedef struct {
  unsigned char bytes[MESSAGE_SIZE];
  size_t length;
} message;

typedef struct {
  bool busy;
  int id;
  long user;
  int entries;
  bool wrong;
  uint64_t sent_us;
} operation;

typedef struct {
  int fd, next_id, in_flight;
  operation operations[MAX_DEPTH];
  unsigned char in[IN_SIZE], out[OUT_SIZE];
  size_t in_length, out_length, out_sent;
} connection;

static struct {
  const char *host, *mode, *base, *attribute, *value, *bind_dn, *bind_password, *dn, *password, *attributes, *scope;
  long port, users, connections, depth, seconds, warmup;
  bool once, searching, reading;
} options = {.host = "127.0.0.1", .mode = "search", .base = "", .attribute = "uid", .value = "u######", .bind_password = "",
             .dn = "", .password = "", .attributes = "cn,mail,memberOf", .scope = "sub", .users = 1, .connections = 8,
             .depth = 8, .seconds = 5, .warmup = 1, .searching = true};

/* With --once: the next user. */
static long next_user;

static tally seen;
static uint64_t entries, mismatches;
static bool measuring;

/* BER: tag, length, contents. Lengths under 128 take one byte, others two more (RFC 4511 section 5.1, X.690 8.1.3). */
static void put_tlv(message *m, unsigned char tag, const void *contents, size_t length) {
  size_t header = length < 128 ? 2 : 4;
  if (m->length + header + length > MESSAGE_SIZE) die("message too long");
  m->bytes[m->length++] = tag;
  if (length >= 128) {
    m->bytes[m->length++] = 0x82;
    m->bytes[m->length++] = (unsigned char)(length >> 8);
  }
  m->bytes[m->length++] = (unsigned char)length;
  memcpy(m->bytes + m->length, contents, length);
  m->length += length;
}

static void put_text(message *m, unsigned char tag, const char *text) { put_tlv(m, tag, text, strlen(text)); }

static void put_integer(message *m, unsigned char tag, int value) {
  unsigned char bytes[3] = {(unsigned char)(value >> 16), (unsigned char)(value >> 8), (unsigned char)value};
  size_t skip = value < 0x80 ? 2 : value < 0x8000 ? 1 : 0;
  put_tlv(m, tag, bytes + skip, sizeof bytes - skip);
}

static message envelope(int id, unsigned char operation_tag, const message *body) {
  message inner = {.length = 0}, outer = {.length = 0};
  put_integer(&inner, 0x02, id);
  put_tlv(&inner, operation_tag, body->bytes, body->length);
  put_tlv(&outer, 0x30, inner.bytes, inner.length);
  return outer;
}

/* BindRequest: version 3, name, [0] simple password (RFC 4511 section 4.2). */
static message bind_request(int id, const char *dn, const char *password) {
  message body = {.length = 0};
  put_integer(&body, 0x02, 3);
  put_text(&body, 0x04, dn);
  put_text(&body, 0x80, password);
  return envelope(id, BIND_REQUEST, &body);
}

/* SearchRequest: base, scope, never dereference, no limits, filter, attributes (section 4.5.1). The filter is [3] equality,
 * or [7] present where one entry is read. */
static message search_request(int id, const char *base, const char *value) {
  message body = {.length = 0}, filter = {.length = 0}, attributes = {.length = 0};
  put_text(&body, 0x04, base);
  put_integer(&body, 0x0a, options.reading ? 0 : 2);
  put_integer(&body, 0x0a, 0);
  put_integer(&body, 0x02, 0);
  put_integer(&body, 0x02, 0);
  put_tlv(&body, 0x01, "\0", 1);
  if (options.reading) put_text(&body, 0x87, "objectClass");
  else {
    put_text(&filter, 0x04, options.attribute);
    put_text(&filter, 0x04, value);
    put_tlv(&body, 0xa3, filter.bytes, filter.length);
  }
  for (const char *name = options.attributes; *name != 0;) {
    size_t length = strcspn(name, ",");
    put_tlv(&attributes, 0x04, name, length);
    name += length + (name[length] == ',');
  }
  put_tlv(&body, 0x30, attributes.bytes, attributes.length);
  return envelope(id, SEARCH_REQUEST, &body);
}

typedef struct {
  const unsigned char *start, *end;
  unsigned char tag;
} element;

/* Reads the element at `at`. Returns where it ends, or NULL while not all of it is there. */
static const unsigned char *read_element(const unsigned char *at, const unsigned char *limit, element *e) {
  if (limit - at < 2) return NULL;
  e->tag = at[0];
  size_t length = at[1];
  at += 2;
  if (length & 0x80) {
    size_t bytes = length & 0x7f;
    if (bytes == 0 || bytes > 4) die("the server sent a length that LDAP does not allow");
    if ((size_t)(limit - at) < bytes) return NULL;
    for (length = 0; bytes > 0; bytes--) length = length << 8 | *at++;
  }
  if ((size_t)(limit - at) < length) return NULL;
  e->start = at;
  e->end = at + length;
  return e->end;
}

static const unsigned char *must_read(const unsigned char *at, const unsigned char *limit, element *e) {
  const unsigned char *end = read_element(at, limit, e);
  if (end == NULL) die("the server sent an element that ends outside its message");
  return end;
}

static operation *operation_by_id(connection *c, int id) {
  for (int i = 0; i < options.depth; i++)
    if (c->operations[i].busy && c->operations[i].id == id) return &c->operations[i];
  die("the server answered message %d, which is not open", id);
  return NULL;
}

/* Does the entry hold the value that was asked for? It stands in the DN of every directory measured here. */
static bool is_wanted(const element *name, long user) {
  char value[256];
  size_t length = expand(value, sizeof value, options.value, user);
  return memmem(name->start, (size_t)(name->end - name->start), value, length) != NULL;
}

static void take_message(connection *c, const element *whole) {
  element id_element, body, part;
  const unsigned char *at = must_read(whole->start, whole->end, &id_element);
  must_read(at, whole->end, &body);
  int id = 0;
  for (const unsigned char *p = id_element.start; p < id_element.end; p++) id = id << 8 | *p;
  operation *o = operation_by_id(c, id);
  must_read(body.start, body.end, &part);
  if (body.tag == SEARCH_ENTRY) {
    o->entries++;
    if (!is_wanted(&part, o->user)) o->wrong = true;
    return;
  }
  if (body.tag != (options.searching ? SEARCH_DONE : BIND_RESPONSE)) die("unexpected answer 0x%02x", body.tag);
  o->busy = false;
  c->in_flight--;
  if (!measuring) return;
  seen.operations++;
  seen.codes[part.start[0]]++;
  entries += (uint64_t)o->entries;
  if (options.searching && (o->entries != 1 || o->wrong)) mismatches++;
  record_latency(&seen.latency, now_us() - o->sent_us);
}

static void receive(connection *c) {
  for (;;) {
    ssize_t got = recv(c->fd, c->in + c->in_length, IN_SIZE - c->in_length, 0);
    if (got == 0) die("the server closed the connection");
    if (got < 0 && errno == EAGAIN) return;
    if (got < 0) die("recv: %s", strerror(errno));
    c->in_length += (size_t)got;
    const unsigned char *at = c->in, *limit = c->in + c->in_length, *next;
    element whole;
    while ((next = read_element(at, limit, &whole)) != NULL) {
      take_message(c, &whole);
      at = next;
    }
    c->in_length = (size_t)(limit - at);
    memmove(c->in, at, c->in_length);
    if (c->in_length == IN_SIZE) die("the server sent a message that is too long");
    if ((size_t)got < IN_SIZE / 2) return;
  }
}

static void flush_out(connection *c) {
  while (c->out_sent < c->out_length) {
    ssize_t sent = send(c->fd, c->out + c->out_sent, c->out_length - c->out_sent, MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) return;
    if (sent < 0) die("send: %s", strerror(errno));
    c->out_sent += (size_t)sent;
  }
  c->out_length = c->out_sent = 0;
}

/* Keeps `depth` operations in flight. */
static void fill(connection *c) {
  for (int i = 0; i < options.depth && c->in_flight < options.depth; i++) {
    operation *o = &c->operations[i];
    if (o->busy || OUT_SIZE - c->out_length < MESSAGE_SIZE) continue;
    if (options.once && next_user >= options.users) break;
    char text[1024], base[1024];
    int id = c->next_id++;
    if (c->next_id > 1000000) c->next_id = 2;
    long user = options.once ? next_user++ : (long)(random_u64() % (uint64_t)options.users);
    expand(text, sizeof text, options.searching ? options.value : options.dn, user);
    expand(base, sizeof base, options.base, user);
    message m = options.searching ? search_request(id, base, text) : bind_request(id, text, options.password);
    memcpy(c->out + c->out_length, m.bytes, m.length);
    c->out_length += m.length;
    *o = (operation){.busy = true, .id = id, .user = user, .sent_us = now_us()};
    c->in_flight++;
  }
  flush_out(c);
}

/* Connects and, for searches, binds; blocking, before anything is measured. */
static void open_connection(connection *c, int poller) {
  struct sockaddr_in address = loopback_address(options.host, options.port);
  int one = 1;
  c->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(c->fd, (struct sockaddr *)&address, sizeof address) != 0) die("connect: %s", strerror(errno));
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  c->next_id = 2;
  if (options.searching && options.bind_dn != NULL) {
    message m = bind_request(1, options.bind_dn, options.bind_password);
    if (send(c->fd, m.bytes, m.length, MSG_NOSIGNAL) != (ssize_t)m.length) die("send: %s", strerror(errno));
    unsigned char answer[1024];
    ssize_t got = recv(c->fd, answer, sizeof answer, 0);
    element whole, id, body, code;
    if (got <= 0 || read_element(answer, answer + got, &whole) == NULL) die("no answer to the bind");
    must_read(must_read(whole.start, whole.end, &id), whole.end, &body);
    must_read(body.start, body.end, &code);
    if (body.tag != BIND_RESPONSE || code.start[0] != 0) die("the bind was refused: result code %d", code.start[0]);
  }
  fcntl(c->fd, F_SETFL, O_NONBLOCK);
  struct epoll_event interest = {.events = EPOLLIN, .data.ptr = c};
  epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &interest);
}

static void parse_options(int count, char **values) {
  static const struct option table[] = {
      {"host", 1, 0, 'h'},   {"port", 1, 0, 'p'},          {"mode", 1, 0, 'm'},     {"users", 1, 0, 'n'},
      {"seconds", 1, 0, 't'}, {"connections", 1, 0, 'c'},  {"depth", 1, 0, 'd'},    {"warmup", 1, 0, 'u'},
      {"base", 1, 0, 'b'},   {"filter-attribute", 1, 0, 'a'}, {"value", 1, 0, 'v'}, {"bind-dn", 1, 0, 'D'},
      {"bind-password", 1, 0, 'w'}, {"dn", 1, 0, 'N'},     {"password", 1, 0, 'P'}, {"once", 0, 0, '1'},
      {"attributes", 1, 0, 'A'}, {"scope", 1, 0, 'S'},
      {0}};
  int option;
  while ((option = getopt_long(count, values, "", table, NULL)) != -1) switch (option) {
      case 'h': options.host = optarg; break;
      case 'p': options.port = number_option("port", optarg, 1, 65535); break;
      case 'm': options.mode = optarg; break;
      case 'n': options.users = number_option("users", optarg, 1, 100000000); break;
      case 't': options.seconds = number_option("seconds", optarg, 1, MAX_SECONDS); break;
      case 'u': options.warmup = number_option("warmup", optarg, 0, MAX_SECONDS); break;
      case 'c': options.connections = number_option("connections", optarg, 1, MAX_CONNECTIONS); break;
      case 'd': options.depth = number_option("depth", optarg, 1, MAX_DEPTH); break;
      case 'b': options.base = optarg; break;
      case 'a': options.attribute = optarg; break;
      case 'v': options.value = optarg; break;
      case 'D': options.bind_dn = optarg; break;
      case 'w': options.bind_password = optarg; break;
      case 'N': options.dn = optarg; break;
      case 'P': options.password = optarg; break;
      case '1': options.once = true; break;
      case 'A': options.attributes = optarg; break;
      case 'S': options.scope = optarg; break;
      default: exit(2);
    }
  if (options.port == 0) die("--port is missing");
  options.searching = strcmp(options.mode, "search") == 0;
  if (!options.searching && strcmp(options.mode, "bind") != 0) die("--mode: search or bind");
  options.reading = strcmp(options.scope, "base") == 0;
  if (!options.reading && strcmp(options.scope, "sub") != 0) die("--scope: sub or base");
  /* RFC 4511 section 4.2.1: nothing else may be under way on a connection while it binds. */
  if (!options.searching) options.depth = 1;
}

static bool all_done(const connection *connections) {
  if (!options.once || next_user < options.users) return false;
  for (int i = 0; i < options.connections; i++)
    if (connections[i].in_flight > 0) return false;
  return true;
}

static uint64_t unanswered(const connection *connections, uint64_t at_us) {
  uint64_t count = 0;
  for (int i = 0; i < options.connections; i++)
    for (int j = 0; j < options.depth; j++) {
      const operation *o = &connections[i].operations[j];
      if (o->busy && at_us - o->sent_us > 1000000) count++;
    }
  return count;
}

int main(int count, char **values) {
  parse_options(count, values);
  int poller = epoll_create1(0);
  connection *connections = calloc((size_t)options.connections, sizeof *connections);
  if (connections == NULL) die("out of memory");
  for (int i = 0; i < options.connections; i++) open_connection(&connections[i], poller);
  for (int i = 0; i < options.connections; i++) fill(&connections[i]);

  uint64_t start = now_us() + (uint64_t)options.warmup * 1000000, end = start + (uint64_t)options.seconds * 1000000, now;
  double cpu_start = 0;
  struct epoll_event events[64];
  while ((now = now_us()) < end && !all_done(connections)) {
    if (!measuring && now >= start) {
      measuring = true;
      start = now;
      cpu_start = cpu_seconds();
    }
    int ready = epoll_wait(poller, events, 64, 50);
    for (int i = 0; i < ready; i++) {
      receive(events[i].data.ptr);
      fill(events[i].data.ptr);
    }
    for (int i = 0; i < options.connections; i++)
      if (connections[i].out_length > 0) flush_out(&connections[i]);
  }
  seen.timeouts = unanswered(connections, now);
  char extra[128];
  snprintf(extra, sizeof extra, ",\"entries\":%lu,\"mismatches\":%lu", entries, mismatches);
  report(&seen, now - start, cpu_seconds() - cpu_start, extra);
  return 0;
}
