/* A guest whose network stack is lwIP, on the tap that PRECONFIGURED_TAPIF names. Prints a line for each address, router
   and on-link prefix that comes, and `Deleted` and the same line when it goes: `tests/guests.sh` reads them. */

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <lwip/netif.h>
#include <lwip/priv/nd6_priv.h>
#include <lwip/tcpip.h>
#include <netif/tapif.h>

enum { LINES = LWIP_IPV6_NUM_ADDRESSES + LWIP_ND6_NUM_ROUTERS + LWIP_ND6_NUM_PREFIXES, WIDTH = 80 };

struct state {
    char lines[LINES][WIDTH];
    int count;
};

static void add(struct state *state, const char *what, const ip6_addr_t *address, const char *length)
{
    char *line = state->lines[state->count++];
    snprintf(line, WIDTH, "%s %s%s", what, ip6addr_ntoa(address), length);
    for (; *line; line++)
        *line = tolower((unsigned char)*line);
}

/* The first address is the link-local one. */
static void add_addresses(struct state *state, struct netif *interface)
{
    for (int i = 1; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
        u8_t held = netif_ip6_addr_state(interface, i);
        if (ip6_addr_ispreferred(held))
            add(state, "address", netif_ip6_addr(interface, i), "");
        else if (ip6_addr_isdeprecated(held))
            add(state, "deprecated", netif_ip6_addr(interface, i), "");
    }
}

static void add_routes(struct state *state)
{
    for (int i = 0; i < LWIP_ND6_NUM_ROUTERS; i++)
        if (default_router_list[i].neighbor_entry != NULL)
            add(state, "router", &default_router_list[i].neighbor_entry->next_hop_address, "");
    for (int i = 0; i < LWIP_ND6_NUM_PREFIXES; i++)
        if (prefix_list[i].netif != NULL)
            add(state, "on-link", &prefix_list[i].prefix, "/64");
}

static int has(const struct state *state, const char *line)
{
    for (int i = 0; i < state->count; i++)
        if (strcmp(state->lines[i], line) == 0)
            return 1;
    return 0;
}

static void print_missing(const char *what, const struct state *from, const struct state *in)
{
    for (int i = 0; i < from->count; i++)
        if (!has(in, from->lines[i]))
            printf("%s%s\n", what, from->lines[i]);
}

static void start(struct netif *interface)
{
    tcpip_init(NULL, NULL);
    LOCK_TCPIP_CORE();
    netif_add_noaddr(interface, NULL, tapif_init, tcpip_input);
    netif_create_ip6_linklocal_address(interface, 1);
    netif_set_ip6_autoconfig_enabled(interface, 1);
    netif_set_default(interface);
    netif_set_up(interface);
    UNLOCK_TCPIP_CORE();
}

int main(void)
{
    static struct netif interface;
    static struct state before, now;

    setvbuf(stdout, NULL, _IOLBF, 0);
    start(&interface);
    /* The stack announces nothing of this. */
    for (;; usleep(20000)) {
        now.count = 0;
        LOCK_TCPIP_CORE();
        add_addresses(&now, &interface);
        add_routes(&now);
        UNLOCK_TCPIP_CORE();
        print_missing("Deleted ", &before, &now);
        print_missing("", &now, &before);
        before = now;
    }
}
