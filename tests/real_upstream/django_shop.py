"""A shop of a few pages on Django, with sessions and the CSRF middleware as its project template has them.

Serves on a free port of loopback, and says which.
"""

from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template import engines
from django.urls import path

settings.configure(
    SECRET_KEY="of a test",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
    ],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
)
django.setup()


def page(request, text):
    return HttpResponse(engines["django"].from_string(text).render({}, request))


def shoes(request):
    return page(request, "Shoes for %s" % request.session.get("name", "everyone"))


def form(request, answer):
    if request.method == "POST":
        return answer(request)
    return page(request, '<form method="post">{% csrf_token %}<input name="text"></form>')


def sign_in(request):
    def answer(request):
        request.session["name"] = request.POST["text"]
        return redirect("/account/sign-in")

    return form(request, answer)


def review(request):
    return form(request, lambda request: HttpResponse("Thanks for: " + request.POST["text"]))


urlpatterns = [
    path("catalogue/shoes", shoes),
    path("catalogue/review", review),
    path("account/sign-in", sign_in),
]


class Quiet(WSGIRequestHandler):
    def log_message(self, *arguments):
        pass


server = make_server("127.0.0.1", 0, get_wsgi_application(), handler_class=Quiet)
print("127.0.0.1:%d" % server.server_port, flush=True)
server.serve_forever()
