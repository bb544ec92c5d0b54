/* The lower bound of a cold start with its work: a static program that connects to the Runtime API, asks for the
 * first event, and waits for it. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void)
{
    const char *api = getenv("AWS_LAMBDA_RUNTIME_API");
    char head[256], host[64] = "";
    struct sockaddr_in address = { .sin_family = AF_INET };
    unsigned short port = 0;

    if (!api || sscanf(api, "%63[0-9.]:%hu", host, &port) != 2 || !inet_aton(host, &address.sin_addr))
        return 1;
    address.sin_port = htons(port);
    int api_socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(api_socket, (struct sockaddr *)&address, sizeof address))
        return 1;
    int length = snprintf(head, sizeof head,
                          "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: %s\r\n\r\n", api);
    if (write(api_socket, head, (size_t)length) != length)
        return 1;
    return read(api_socket, head, sizeof head) <= 0;
}
