// A real SignalR server with the server's own defaults: no timer changed, no transport left out. It is told
// its address (ASPNETCORE_URLS) and its name (HUB_NAME), and knows nothing of what is in front of it.

using System;
using System.Collections.Generic;
using System.Threading.Tasks;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http.Connections.Features;
using Microsoft.AspNetCore.SignalR;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Wsgate.Interop
{
    public class RoomHub : Hub
    {
        public string Echo(string text) => text;

        public string WhoAreYou() => Environment.GetEnvironmentVariable("HUB_NAME");

        public string Transport() => Context.Features.Get<IHttpTransportFeature>().TransportType.ToString();

        public Dictionary<string, string> Seen()
        {
            var request = Context.GetHttpContext().Request;
            return new Dictionary<string, string>
            {
                ["host"] = request.Headers["Host"],
                ["scheme"] = request.Headers["X-Forwarded-Proto"],
                ["target"] = request.Path.Value,
                ["bearer"] = request.Headers["Authorization"],
                ["token"] = request.Query["access_token"],
            };
        }

        public Task Join(string room) => Groups.AddToGroupAsync(Context.ConnectionId, room);

        public Task Say(string room, string text) => Clients.Group(room).SendAsync("said", text);

        public async IAsyncEnumerable<int> Count(int last, int everyMs)
        {
            for (var number = 1; number <= last; number++)
            {
                yield return number;
                await Task.Delay(everyMs);
            }
        }

        public async Task<int> Sum(IAsyncEnumerable<int> numbers)
        {
            var sum = 0;
            await foreach (var number in numbers) sum += number;
            return sum;
        }
    }

    public static class Program
    {
        public static void Main() => new HostBuilder()
            .ConfigureLogging(log => log.AddConsole().SetMinimumLevel(LogLevel.Warning))
            .ConfigureWebHostDefaults(web => web
                .ConfigureServices(services => services.AddSignalR())
                .Configure(app => app.UseRouting().UseEndpoints(routes => routes.MapHub<RoomHub>("/hub"))))
            .Build().Run();
    }
}
